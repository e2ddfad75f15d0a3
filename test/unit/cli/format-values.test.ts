import { expect, test } from 'vitest';
import { bar } from '../../../src/cli/bar.ts';
import { formatAge } from '../../../src/cli/format-age.ts';
import { tableLines } from '../../../src/text/table.ts';
import { formatBytes } from '../../../src/units/format-bytes.ts';

test.each([
  [0, '0 B'],
  [512, '512 B'],
  [1536, '1.5 KiB'],
  [64 * 1024 ** 2, '64 MiB'],
  [123.4 * 1024 ** 3, '123 GiB'],
  [2 ** 63, '8 EiB'],
])('%d bytes are %s', (bytes, text) => {
  expect(formatBytes(bytes)).toBe(text);
});

test.each([
  [0, 10, '[--------------------]   0 %'],
  [1, 10_000, '[#-------------------]   0 %'],
  [9_999, 10_000, '[###################-] 100 %'],
  [10, 10, '[####################] 100 %'],
  [20, 10, '[####################] 100 %'],
  [0, 0, '[--------------------]   0 %'],
])('%d of %d is %s', (part, whole, text) => {
  expect(bar(part, whole)).toBe(text);
});

test.each([
  ['2026-01-01T00:00:00Z', '9d'],
  ['2026-01-09T20:00:00Z', '4h'],
  ['2026-01-09T23:59:00Z', '1m'],
  ['2026-01-09T23:59:59Z', '1s'],
  ['2026-01-10T00:00:09Z', '0s'],
])('since %s it is %s', (time, text) => {
  expect(formatAge(time, new Date('2026-01-10T00:00:00Z'))).toBe(text);
});

test('columns are as wide as their texts', () => {
  const columns = [{ title: 'NAME' }, { title: 'SIZE', align: 'right' as const }];
  expect(
    tableLines(columns, [
      ['größe-容量', '1'],
      ['b', '12345'],
    ]),
  ).toEqual(['NAME       SIZE', 'größe-容量      1', 'b         12345']);
});
