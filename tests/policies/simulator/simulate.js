// Runs an IAM simulator that supports conditions. Reads one JSON object from stdin, {"policies": {NAME: DOCUMENT},
// "requests": [{"policy": NAME, "action", "resource", "account", "context": {KEY: TEXT or LIST}}]}. Writes a list with one
// word for each request: "Allowed", "ImplicitlyDenied" or "ExplicitlyDenied". A request that the simulator cannot judge is an
// error of its author. Examples are an action that does not exist, or a context key that such a request never has. A request
// for the resource "*" stands for all resources of the action's own kinds.
import { text } from 'node:stream/consumers'
import { runSimulation } from '@cloud-copilot/iam-simulate'

const { policies, requests } = JSON.parse(await text(process.stdin))
const judged = []
for (const { policy, action, resource, account, context } of requests) {
  const simulation = await runSimulation(
    {
      request: {
        principal: `arn:aws:iam::${account}:role/controller`,
        action,
        resource: { resource, accountId: account },
        contextVariables: context
      },
      identityPolicies: [{ name: policy, policy: policies[policy] }],
      serviceControlPolicies: [],
      resourceControlPolicies: []
    },
    {}
  )
  const results = simulation.results ?? [simulation.result ?? {}]
  const ignored = results.flatMap((result) => result.ignoredContextKeys ?? [])
  if (simulation.errors || ignored.length !== 0) {
    console.error(`${action} on ${resource}: ${JSON.stringify(simulation.errors ?? { results, ignored })}`)
    process.exitCode = 1
  }
  judged.push(simulation.overallResult)
}
console.log(JSON.stringify(judged))
