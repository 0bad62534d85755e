// The construct's validation passes the same cases as the function's, with the same error texts.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { Lazy, Token } from 'aws-cdk-lib';
import { SCHEMA, validate } from '../lib/validation.js';
import { propertiesOf } from '../lib/properties.js';

const cases = JSON.parse(readFileSync(new URL('../../../tests/validation.json', import.meta.url), 'utf8'));

test('validation returns the same errors as the function', () => {
  assert.ok(cases.length > 30);
  for (const { properties, errors } of cases) {
    // The types of the props exclude unknown names.
    const expected = errors.filter((error) => !error.startsWith('unknown property'));
    assert.deepEqual(validate(properties), expected, JSON.stringify(properties));
  }
});

test('tokens are not validated, and the other values are', () => {
  const token = Token.asString(Lazy.any({ produce: () => 'later' }));
  const list = Token.asList(Lazy.any({ produce: () => ['later'] }));
  assert.deepEqual(validate({ ClusterName: token, SubnetIds: list, Tags: { team: token }, NodeRoleArn: token }), []);
  assert.equal(validate({ ClusterName: token, SubnetIds: [token, 'sg-0123456789abcdef0'] }).length, 1);
  assert.equal(validate({ ClusterName: 'demo', Tags: { team: token, 'aws:x': '1' } }).length, 1);
  assert.match(validate({ ClusterName: 'demo', NodeRoleArn: token, NodeRoleName: 'x' })[0], /exclude each other/);
});

test('every property of the schema has a prop', () => {
  const handWritten = ['ServiceToken', 'ServiceTimeout', 'ClusterName', 'Tags'];
  assert.deepEqual([...Object.keys(propertiesOf({})), ...handWritten].sort(), Object.keys(SCHEMA.properties).sort());
});
