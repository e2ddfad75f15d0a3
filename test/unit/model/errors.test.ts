import { expect, test } from 'vitest';
import { invalidField, missingField, quote, unknownVolume, VolumeError } from '../../../src/model/errors.ts';

test('an error has its kind, its sentence and its cause', () => {
  const cause = new Error('ENOSPC');
  const error = new VolumeError('exhausted', 'no room', { cause });
  expect(error).toMatchObject({ name: 'VolumeError', kind: 'exhausted', message: 'no room', cause });
});

test.each([
  [invalidField('name', 'x', 'is too short'), 'invalid', 'name: "x" is too short'],
  [missingField('name'), 'invalid', 'name is required'],
  [unknownVolume('v-1'), 'not-found', 'volume "v-1" does not exist'],
])('the sentence names the field or object and shows the value: %s', (error, kind, message) => {
  expect(error).toMatchObject({ kind, message });
});

test.each([
  ['text', '"text"'],
  [7, '7'],
  [7n, '7'],
  ['line\nbreak\u0000"', '"line\\nbreak\\u0000\\""'],
  [{ a: 1 }, '"{\\"a\\":1}"'],
  ['x'.repeat(200), `"${'x'.repeat(200)}"`],
  ['x'.repeat(201), `"${'x'.repeat(200)}…"`],
])('a value is shown quoted, escaped and cut: %o', (value, shown) => {
  expect(quote(value)).toBe(shown);
});
