import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { matchesNode, parseNodePattern } from '../../../src/config/node-pattern.ts';

describe('a pattern of node names', () => {
  test.each([
    ['node-1', 'node-1'],
    ['*', 'node-1'],
    ['*', ''],
    ['edge-*', 'edge-'],
    ['edge-*', 'edge-17'],
    ['*.zone-a', 'edge-1.zone-a'],
    ['a*b*c', 'abc'],
    ['a*b*c', 'a--b--c'],
    ['a*b*c', 'abbcc'],
    ['*a*a*', 'aa'],
    ['**', 'x'],
    ['a.c', 'a.c'],
  ])('%s matches %s', (pattern, nodeId) => {
    expect(matchesNode(pattern, nodeId)).toBe(true);
  });

  test.each([
    ['node-1', 'node-10'],
    ['node-1', 'my-node-1'],
    ['edge-*', 'Edge-1'],
    ['edge-*', 'my-edge-1'],
    ['a*a', 'a'],
    ['ab*ba', 'aba'],
    ['a*b*c', 'acb'],
    ['*a*a*', 'a'],
    ['a*bc*c', 'abc'],
    ['a.c', 'abc'],
    ['[a-c]', 'b'],
  ])('%s does not match %s', (pattern, nodeId) => {
    expect(matchesNode(pattern, nodeId)).toBe(false);
  });

  test('means the same as a regular expression', () => {
    const letters = fc.string({ unit: fc.constantFrom('a', 'b'), maxLength: 8 });
    const patterns = fc.string({ unit: fc.constantFrom('a', 'b', '*'), maxLength: 6 });
    fc.assert(
      fc.property(patterns, letters, (pattern, nodeId) => {
        const expression = new RegExp(`^${pattern.replaceAll('*', '.*')}$`);
        expect(matchesNode(pattern, nodeId)).toBe(expression.test(nodeId));
      }),
      { numRuns: 2000 },
    );
  });

  test('takes no time, however many stars it has', () => {
    const pattern = parseNodePattern('*a'.repeat(128));
    expect(matchesNode(pattern, `${'a'.repeat(255)}b`)).toBe(false);
  });

  test.each(['', 'x'.repeat(257)])('is not %j', (text) => {
    expect(() => parseNodePattern(text)).toThrow('must have 1 to 256 characters');
  });
});
