import { expect, test } from 'vitest';
import { fieldNames } from '../../../src/services/field-names.ts';
import { publishedFacts } from '../proto/wire-facts.ts';

/** Whether a message has a field at this path; the values of a map can be anything. */
function hasField(message: string, [name = '', ...rest]: readonly string[]): boolean {
  const field = publishedFacts.messages[message]?.fields[name];
  if (!field) return false;
  if (rest.length === 0 || field.type.startsWith('map<')) return true;
  return hasField(field.type.replace('repeated ', ''), rest);
}

test.each(Object.entries(fieldNames))('the names for %s are fields of its request', (rpc, fields) => {
  const missing = Object.values(fields)
    .flatMap((names) => names.split(', '))
    .filter((name) => !hasField(`${rpc}Request`, name.split('.')));
  expect(missing).toEqual([]);
});
