// cdk-nag's AWS Solutions rules and the CDK's own validation find nothing that is not acknowledged with a reason.
import assert from 'node:assert/strict';
import { existsSync, mkdtempSync, readFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { App, Stack, Validations } from 'aws-cdk-lib';
import * as lambda from 'aws-cdk-lib/aws-lambda';
import { AwsSolutionsChecks } from 'cdk-nag';
import { KarpenterPrereqs, KarpenterPrereqsFunction } from '../lib/index.js';

const codePath = fileURLToPath(new URL('code.zip', import.meta.url));

/** Returns the findings for an app that contains the construct and other constructs. */
function findings(addOthers = () => {}) {
  const outdir = mkdtempSync(join(tmpdir(), 'practices-'));
  const app = new App({ outdir, analyticsReporting: false });
  Validations.of(app).addPlugins(new AwsSolutionsChecks());
  const stack = new Stack(app, 'Stack');
  new KarpenterPrereqsFunction(stack, 'KarpenterPrereqsFunction', { codePath });
  new KarpenterPrereqs(stack, 'Karpenter', { clusterName: 'demo', karpenterVersions: ['1.15.0'] });
  addOthers(stack);
  try {
    app.synth();
  } catch (error) {
    // The report contains the findings.
    assert.match(error.message, /validation-report.json/);
  }
  const report = join(outdir, 'validation-report.json');
  return existsSync(report) ? JSON.parse(readFileSync(report, 'utf8')).pluginReports.flatMap(({ violations }) => violations) : [];
}

test('the construct has no findings', () => {
  assert.deepEqual(findings(), []);
});

test('a function with an old runtime is a finding', () => {
  const violations = findings((stack) => new lambda.Function(stack, 'Old', {
    runtime: lambda.Runtime.NODEJS_18_X, handler: 'index.handler', code: lambda.Code.fromInline('1'),
  }));
  assert.ok(violations.some(({ ruleName }) => ruleName === 'AwsSolutions-L1'), JSON.stringify(violations));
});
