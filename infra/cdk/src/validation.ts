import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import Ajv from 'ajv/dist/2020';
import { Token } from 'aws-cdk-lib';

/** The parts of the schema that the validation reads. The keywords with `x-` are extensions of this project. */
interface Schema {
  readonly properties: Record<string, { 'x-must-be'?: string }>;
  readonly required: string[];
  readonly 'x-exclusions': { one: string; other: string; why: string }[];
  readonly 'x-attributes': Record<string, string>;
}

/** The schema of the resource, which is part of the package. */
export const SCHEMA: Schema = JSON.parse(readFileSync(join(__dirname, '..', 'assets', 'schema.json'), 'utf8'));

/** The most characters of a value in a message. The function has the same limit. */
const VALUE_MAX = 120;

const ajv = new Ajv({ strict: false });
const rules = Object.entries(SCHEMA.properties).map(([name, rule]) => ({ name, mustBe: rule['x-must-be'], isValid: ajv.compile(rule) }));

/**
 * Returns the errors that the function would return for these properties, with the same text and in the same order. Values that are
 * known only at deployment are not checked.
 *
 * @param properties the properties of the resource, with the names that a template uses
 */
export function validate(properties: Record<string, unknown>): string[] {
  const errors: string[] = [];
  const valid = new Set<string>();
  for (const { name, mustBe, isValid } of rules) {
    // The properties that CloudFormation defines have no `x-must-be`.
    if (mustBe === undefined) continue;
    const value = withoutEmpty(properties[name]);
    if (value === undefined) {
      if (SCHEMA.required.includes(name)) errors.push(`\`${name}\` is required. Set it to ${mustBe}`);
      continue;
    }
    const resolved = withoutTokens(value);
    if (resolved === undefined || isValid(resolved)) {
      valid.add(name);
    } else {
      errors.push(`\`${name}\` must be ${mustBe}, but it is ${shortened(properties[name])}`);
    }
  }
  for (const { one, other, why } of SCHEMA['x-exclusions']) {
    if (valid.has(one) && valid.has(other)) errors.push(`\`${one}\` and \`${other}\` exclude each other, because ${why}. Remove one of them`);
  }
  return errors;
}

/** Removes empty texts, also from lists: a reference to an empty parameter is an empty text, and counts as absent. */
function withoutEmpty(value: unknown): unknown {
  if (value === undefined || value === null || value === '') return undefined;
  if (!Array.isArray(value)) return value;
  const items = value.filter((item) => withoutEmpty(item) !== undefined);
  return items.length === 0 ? undefined : items;
}

/** Removes tokens, which have no value before deployment. Scalars become text, because CloudFormation sends them as text. */
function withoutTokens(value: unknown): unknown {
  if (Token.isUnresolved(value)) return undefined;
  if (typeof value === 'number' || typeof value === 'boolean') return String(value);
  if (Array.isArray(value)) {
    const items = value.map(withoutTokens).filter((item) => item !== undefined);
    return items.length === 0 ? undefined : items;
  }
  if (typeof value !== 'object' || value === null) return value;
  const pairs = Object.entries(value).map(([key, item]): [string, unknown] => [key, withoutTokens(item)]);
  return Object.fromEntries(pairs.filter(([key, item]) => item !== undefined && !Token.isUnresolved(key)));
}

function shortened(value: unknown): string {
  const text = JSON.stringify(withSortedKeys(value));
  const characters = [...text];
  return characters.length > VALUE_MAX ? `${characters.slice(0, VALUE_MAX).join('')}…` : text;
}

/** Sorts the keys of maps, because the function writes them in that order. */
function withSortedKeys(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(withSortedKeys);
  if (typeof value !== 'object' || value === null) return value;
  const pairs = Object.entries(value).map(([key, item]): [string, unknown] => [key, withSortedKeys(item)]);
  return Object.fromEntries(pairs.sort(([a], [b]) => (a < b ? -1 : 1)));
}
