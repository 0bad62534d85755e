// The rules of AWS Solutions, by cdk-nag, and what CDK itself says of a template: nothing is found but what is acknowledged
// with its reason.
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

/** What is found in an app with the construct, and what else is made. */
function findings(more = () => {}) {
  const outdir = mkdtempSync(join(tmpdir(), 'practices-'));
  const app = new App({ outdir, analyticsReporting: false });
  Validations.of(app).addPlugins(new AwsSolutionsChecks());
  const stack = new Stack(app, 'Stack');
  new KarpenterPrereqsFunction(stack, 'KarpenterPrereqsFunction', { codePath });
  new KarpenterPrereqs(stack, 'Karpenter', { clusterName: 'demo', karpenterVersions: ['1.14.3'] });
  more(stack);
  try {
    app.synth();
  } catch (error) {
    // What was found is in the report.
    assert.match(error.message, /validation-report.json/);
  }
  const report = join(outdir, 'validation-report.json');
  return existsSync(report) ? JSON.parse(readFileSync(report, 'utf8')).pluginReports.flatMap(({ violations }) => violations) : [];
}

test('nothing is found', () => {
  assert.deepEqual(findings(), []);
});

test('what should be found is found', () => {
  const found = findings((stack) => new lambda.Function(stack, 'Old', {
    runtime: lambda.Runtime.NODEJS_18_X, handler: 'index.handler', code: lambda.Code.fromInline('1'),
  }));
  assert.ok(found.some(({ ruleName }) => ruleName === 'AwsSolutions-L1'), JSON.stringify(found));
});
