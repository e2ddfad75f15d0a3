import { describe, expect, it } from 'vitest';
import { nearestName } from '../../../src/text/nearest-name.ts';

const names = ['nodeid', 'endpoint', 'log_dir', 'v'];

describe('nearestName', () => {
  it.each([
    ['node-id', 'nodeid'],
    ['nodid', 'nodeid'],
    ['endpiont', 'endpoint'],
    ['endpoints', 'endpoint'],
    ['log-dir', 'log_dir'],
    ['NodeID', 'nodeid'],
  ])('finds the intended name for %s', (given, meant) => {
    expect(nearestName(given, names)).toBe(meant);
  });

  it.each(['w', 'vv', 'capacity', 'xxxxxx', 'e'.repeat(10_000)])('has no suggestion for %s', (given) => {
    expect(nearestName(given, names)).toBeUndefined();
  });
});
