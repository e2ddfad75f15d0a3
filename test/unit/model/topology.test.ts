import { expect, test } from 'vitest';
import { checkAccessibility, isOurPlace } from '../../../src/model/objects/topology.ts';

const ours = { 'topology.hostpath.csi/node': 'node-1' };
const other = { 'topology.hostpath.csi/node': 'node-2' };

test.each([
  [ours, true],
  [{}, true],
  [other, false],
  [{ ...ours, zone: 'z' }, false],
  [{ constructor: 'x' }, false],
])('whether %j is this node', (place, isOurs) => {
  expect(isOurPlace(place, ours)).toBe(isOurs);
});

test('a volume can be made where no place is required, or one of those required is ours', () => {
  for (const requisite of [[], [ours], [other, ours]]) {
    expect(() => checkAccessibility(requisite, ours)).not.toThrow();
  }
});

test('where none of the places is ours, another node is to be tried', () => {
  expect(() => checkAccessibility([other, other], ours)).toThrow(
    expect.objectContaining({ kind: 'exhausted', message: expect.stringContaining('none of the 2 places') }),
  );
});
