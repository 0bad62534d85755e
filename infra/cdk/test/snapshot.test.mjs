// The reviewed template of the example app. `UPDATE_SNAPSHOT=1 npm test` writes it again.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';

const snapshot = new URL('example.template.json', import.meta.url);
const path = (name) => fileURLToPath(new URL(name, import.meta.url));

test('the example app synthesizes the reviewed template', () => {
  const outdir = mkdtempSync(join(tmpdir(), 'snapshot-'));
  const context = { code: path('code.zip'), 'aws:cdk:version-reporting': false };
  const env = { ...process.env, CDK_OUTDIR: outdir, CDK_CONTEXT_JSON: JSON.stringify(context) };
  execFileSync(process.execPath, [path('../example/app.mjs')], { env });
  const template = JSON.parse(readFileSync(join(outdir, 'KarpenterPrereqsExample.template.json'), 'utf8'));
  const text = `${JSON.stringify(template, null, 1)}\n`;
  if (process.env.UPDATE_SNAPSHOT === '1') writeFileSync(snapshot, text);
  assert.deepEqual(template, JSON.parse(readFileSync(snapshot, 'utf8')));
});
