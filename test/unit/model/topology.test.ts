import { expect, test } from 'vitest';
import { checkAccessibility, matchesTopology } from '../../../src/model/objects/topology.ts';

const ours = { 'topology.hostpath.csi/node': 'node-1' };
const other = { 'topology.hostpath.csi/node': 'node-2' };

test.each([
  [ours, true],
  [{}, true],
  [other, false],
  [{ ...ours, zone: 'z' }, false],
  [{ constructor: 'x' }, false],
])('whether %j is this node', (place, isOurs) => {
  expect(matchesTopology(place, ours)).toBe(isOurs);
});

test('a volume can be made if no topology is required, or one of those required is this node', () => {
  for (const requisite of [[], [ours], [other, ours]]) {
    expect(() => checkAccessibility(requisite, ours)).not.toThrow();
  }
});

test('if no topology matches, the CO tries another node', () => {
  expect(() => checkAccessibility([other, other], ours)).toThrow(
    expect.objectContaining({
      kind: 'exhausted',
      message: expect.stringContaining('none of the 2 requested topologies'),
    }),
  );
});
