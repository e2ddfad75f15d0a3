import { describe, expect, it } from 'vitest';
import { isLabelValue, parseDriverName, parseNodeId } from '../../../src/options/names.ts';

describe('parseDriverName', () => {
  it.each(['hostpath.csi.k8s.io', 'a', 'A-1', '9'.repeat(63)])('accepts %s', (name) => {
    expect(parseDriverName(name)).toBe(name);
  });

  it.each(['', '-a', 'a.', 'a_b', 'a b', 'a\n', 'é', 'a'.repeat(64)])('refuses %j', (name) => {
    expect(() => parseDriverName(name)).toThrow(`${JSON.stringify(name)} is not a valid driver name`);
  });
});

describe('parseNodeId', () => {
  it.each(['n', 'a b', 'n'.repeat(256)])('accepts %s', (nodeId) => {
    expect(parseNodeId(nodeId)).toBe(nodeId);
  });

  it('refuses an empty id', () => {
    expect(() => parseNodeId('')).toThrow('"" must have 1 to 256 bytes');
  });

  it('counts bytes, not letters', () => {
    expect(() => parseNodeId('é'.repeat(129))).toThrow('must have 1 to 256 bytes');
  });
});

describe('isLabelValue', () => {
  it.each(['node-1', 'Node_1.example', 'a'.repeat(63)])('accepts %s', (candidate) => {
    expect(isLabelValue(candidate)).toBe(true);
  });

  it.each(['', '_a', 'a-', 'a/b', 'a\n', 'a'.repeat(64)])('refuses %j', (candidate) => {
    expect(isLabelValue(candidate)).toBe(false);
  });
});
