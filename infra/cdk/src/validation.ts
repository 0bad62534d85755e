import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import Ajv from 'ajv/dist/2020';
import { Token } from 'aws-cdk-lib';

/** What of the schema is read here. Its `x-` words are the function's own. */
interface Schema {
  readonly properties: Record<string, { 'x-must-be'?: string }>;
  readonly required: string[];
  readonly 'x-exclusions': { one: string; other: string; why: string }[];
  readonly 'x-attributes': Record<string, string>;
}

/** The schema of the resource, as it is packed with this library. */
export const SCHEMA: Schema = JSON.parse(readFileSync(join(__dirname, '..', 'assets', 'schema.json'), 'utf8'));

/** How much of a value is told: as much as the function tells. */
const TOLD = 120;

const ajv = new Ajv({ strict: false });
const rules = Object.entries(SCHEMA.properties).map(([name, rule]) => ({ name, mustBe: rule['x-must-be'], isGood: ajv.compile(rule) }));

/**
 * What the function would say of these properties, in its own words and order; of values that are known at deployment only,
 * nothing.
 *
 * @param properties the resource's properties, by the names of templates
 */
export function validate(properties: Record<string, unknown>): string[] {
  const errors: string[] = [];
  const given = new Set<string>();
  for (const { name, mustBe, isGood } of rules) {
    // What CloudFormation itself asks for has no words here.
    if (mustBe === undefined) continue;
    const value = withoutAbsent(properties[name]);
    if (value === undefined) {
      if (SCHEMA.required.includes(name)) errors.push(`\`${name}\` is required: set it to ${mustBe}`);
      continue;
    }
    const now = known(value);
    if (now === undefined || isGood(now)) {
      given.add(name);
    } else {
      errors.push(`\`${name}\` must be ${mustBe}; it is ${told(properties[name])}`);
    }
  }
  for (const { one, other, why } of SCHEMA['x-exclusions']) {
    if (given.has(one) && given.has(other)) errors.push(`\`${one}\` and \`${other}\` exclude each other: ${why}`);
  }
  return errors;
}

/** Without what counts as not given: an empty text, which a reference to an empty parameter gives, in lists too. */
function withoutAbsent(value: unknown): unknown {
  if (value === undefined || value === null || value === '') return undefined;
  if (!Array.isArray(value)) return value;
  const items = value.filter((item) => withoutAbsent(item) !== undefined);
  return items.length === 0 ? undefined : items;
}

/** What is known of a value now, its scalars as text, as CloudFormation hands them over; nothing, where it is a token. */
function known(value: unknown): unknown {
  if (Token.isUnresolved(value)) return undefined;
  if (typeof value === 'number' || typeof value === 'boolean') return String(value);
  if (Array.isArray(value)) {
    const items = value.map(known).filter((item) => item !== undefined);
    return items.length === 0 ? undefined : items;
  }
  if (typeof value !== 'object' || value === null) return value;
  const pairs = Object.entries(value).map(([key, item]): [string, unknown] => [key, known(item)]);
  return Object.fromEntries(pairs.filter(([key, item]) => item !== undefined && !Token.isUnresolved(key)));
}

function told(value: unknown): string {
  const text = JSON.stringify(sorted(value));
  const characters = [...text];
  return characters.length > TOLD ? `${characters.slice(0, TOLD).join('')}…` : text;
}

/** With the keys of its maps in order, as the function writes them. */
function sorted(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sorted);
  if (typeof value !== 'object' || value === null) return value;
  const pairs = Object.entries(value).map(([key, item]): [string, unknown] => [key, sorted(item)]);
  return Object.fromEntries(pairs.sort(([a], [b]) => (a < b ? -1 : 1)));
}
