// The template of the example app, as it was reviewed: `UPDATE_SNAPSHOT=1 npm test` writes it anew.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';

const snapshot = new URL('example.template.json', import.meta.url);
const path = (name) => fileURLToPath(new URL(name, import.meta.url));

test('the example makes the template that was reviewed', () => {
  const outdir = mkdtempSync(join(tmpdir(), 'snapshot-'));
  const context = { code: path('code.zip'), 'aws:cdk:version-reporting': false };
  const env = { ...process.env, CDK_OUTDIR: outdir, CDK_CONTEXT_JSON: JSON.stringify(context) };
  execFileSync(process.execPath, [path('../example/app.mjs')], { env });
  const made = JSON.parse(readFileSync(join(outdir, 'KarpenterPrereqsExample.template.json'), 'utf8'));
  const text = `${JSON.stringify(made, null, 1)}\n`;
  if (process.env.UPDATE_SNAPSHOT === '1') writeFileSync(snapshot, text);
  assert.deepEqual(made, JSON.parse(readFileSync(snapshot, 'utf8')));
});
