// The validation is judged by the cases that the function's own is judged by, in the function's own words.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { Lazy, Token } from 'aws-cdk-lib';
import { SCHEMA, validate } from '../lib/validation.js';
import { propertiesOf } from '../lib/properties.js';

const cases = JSON.parse(readFileSync(new URL('../../../tests/validation.json', import.meta.url), 'utf8'));

test('the construct says what the function says', () => {
  assert.ok(cases.length > 30);
  for (const { properties, errors } of cases) {
    // Types rule unknown names out.
    const expected = errors.filter((error) => !error.startsWith('unknown property'));
    assert.deepEqual(validate(properties), expected, JSON.stringify(properties));
  }
});

test('what is known at deployment only is not judged, and what stands beside it is', () => {
  const token = Token.asString(Lazy.any({ produce: () => 'later' }));
  const list = Token.asList(Lazy.any({ produce: () => ['later'] }));
  assert.deepEqual(validate({ ClusterName: token, SubnetIds: list, Tags: { team: token }, NodeRoleArn: token }), []);
  assert.equal(validate({ ClusterName: token, SubnetIds: [token, 'sg-0123456789abcdef0'] }).length, 1);
  assert.equal(validate({ ClusterName: 'demo', Tags: { team: token, 'aws:x': '1' } }).length, 1);
  assert.match(validate({ ClusterName: 'demo', NodeRoleArn: token, NodeRoleName: 'x' })[0], /exclude each other/);
});

test('each property of the schema can be given', () => {
  const own = ['ServiceToken', 'ServiceTimeout', 'ClusterName', 'Tags'];
  assert.deepEqual([...Object.keys(propertiesOf({})), ...own].sort(), Object.keys(SCHEMA.properties).sort());
});
