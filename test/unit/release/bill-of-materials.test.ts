import { expect, test } from 'vitest';
import { missingPackages } from '../../../scripts/release/bill-of-materials.mjs';

const zod = { name: 'zod', version: '4.6.7' };
const xfsprogs = { name: 'xfsprogs', version: '6.1.0-1' };
const libc = { name: 'libc6', version: '2.36-9' };
const node = { name: 'node', version: '24.18.0' };
const installed = 'libc6:amd64\t2.36-9\nxfsprogs\t6.1.0-1\n';

test('a bill of materials with every package is complete', () => {
  const bill = { components: [libc, node, xfsprogs, zod] };
  expect(missingPackages(bill, { components: [zod] }, installed)).toEqual([]);
});

test.each([
  ['an npm package', zod, 'zod 4.6.7'],
  ['a Debian package', xfsprogs, 'xfsprogs 6.1.0-1'],
  ['a Debian package with an architecture', libc, 'libc6 2.36-9'],
  ['Node', node, 'node'],
])('a bill of materials without %s is not', (_, left, line) => {
  const bill = { components: [libc, node, xfsprogs, zod].filter((each) => each !== left) };
  expect(missingPackages(bill, { components: [zod] }, installed)).toEqual([line]);
});

test('a bill of materials with another version of a package is not', () => {
  const bill = { components: [libc, node, xfsprogs, { ...zod, version: '4.6.6' }] };
  expect(missingPackages(bill, { components: [zod] }, installed)).toEqual(['zod 4.6.7']);
});
