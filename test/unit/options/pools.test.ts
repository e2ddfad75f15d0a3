import { describe, expect, it } from 'vitest';
import { poolConflicts } from '../../../src/options/conflicts.ts';
import { poolCapacity, poolLocation } from '../../../src/options/pools.ts';

describe('A pool on the command line', () => {
  it.each(['a', '7', 'fast-1', 'f'.repeat(63)])('can be called %s', (name) => {
    expect(poolLocation.parse(`${name}=/mnt/x/`)).toEqual({ name, path: '/mnt/x' });
  });

  it.each(['A', 'fast.1', 'a_b', '-a', 'a-', 'ä', 'a b', '../x', 'a\n', 'f'.repeat(64)])(
    'cannot be called %j',
    (name) => {
      expect(() => poolLocation.parse(`${name}=/x`)).toThrow(
        `${JSON.stringify(name)} is not a valid pool name`,
      );
    },
  );

  it('cannot have the name of the pool in the state directory', () => {
    expect(() => poolLocation.parse('default=/x')).toThrow('set its path with --statedir');
  });

  it('can have an equals sign in its path', () => {
    expect(poolLocation.parse('a=/x=y')).toEqual({ name: 'a', path: '/x=y' });
  });
});

describe('A capacity on the command line', () => {
  it.each(['default', 'fast', 'Slow_kind.1'])('can be for %s', (name) => {
    expect(poolCapacity.parse(`${name}=1.5Ki`)).toEqual({ name, capacityBytes: 1536n });
  });

  it.each(['a/b', '.', 'k'.repeat(64)])('cannot be for %j', (name) => {
    expect(() => poolCapacity.parse(`${name}=1`)).toThrow(
      `${JSON.stringify(name)} is not a valid name of a pool or class`,
    );
  });
});

describe('Neighbouring pools', () => {
  it('do not conflict, even if their paths have a common prefix', () => {
    const pools = [
      { name: 'a', path: '/data-1' },
      { name: 'b', path: '/data-1.old' },
      { name: 'c', path: '/mnt/data' },
    ];
    const capacities = [
      { name: 'a', capacityBytes: 1n },
      { name: 'b', capacityBytes: 1n },
    ];
    expect(poolConflicts({ stateDir: '/data', pools, capacities })).toEqual([]);
  });
});

describe('Conflicting pools', () => {
  const stateDir = '/data';
  it.each([
    [
      'in the state directory',
      '/data/a',
      '--pool: "a" at "/data/a" is inside the state directory at "/data"',
    ],
    ['at it', '/data', '--pool: "a" at "/data" is the same directory as the state directory'],
    ['over it', '/', '--pool: "a" at "/" contains the state directory at "/data"'],
  ])('are reported: one %s', (_, path, sentence) => {
    expect(poolConflicts({ stateDir, pools: [{ name: 'a', path }] })).toEqual([sentence]);
  });

  it.each([
    ['in', '/mnt/a/b/c', '--pool: "b" at "/mnt/a/b/c" is inside pool "a" at "/mnt/a"'],
    ['at', '/mnt/a', '--pool: "b" at "/mnt/a" is the same directory as pool "a"'],
    ['over', '/mnt', '--pool: "b" at "/mnt" contains pool "a" at "/mnt/a"'],
  ])('are reported: one %s another', (_, path, sentence) => {
    const pools = [
      { name: 'a', path: '/mnt/a' },
      { name: 'b', path },
    ];
    expect(poolConflicts({ stateDir, pools })).toEqual([sentence]);
  });

  it('are reported: a name given twice is reported once, and its two paths are not compared', () => {
    const pools = ['/mnt/a', '/mnt/a', '/mnt/a/b'].map((path) => ({ name: 'a', path }));
    expect(poolConflicts({ stateDir, pools })).toEqual(['--pool: duplicate name "a"']);
  });

  it('are reported: two capacities of one name, even if they are equal', () => {
    const capacities = [1n, 1n].map((capacityBytes) => ({ name: 'fast', capacityBytes }));
    expect(poolConflicts({ stateDir, capacities })).toEqual(['--capacity: duplicate name "fast"']);
  });

  it('are reported all at once', () => {
    const pools = [
      { name: 'a', path: '/data/a' },
      { name: 'b', path: '/data/a' },
    ];
    expect(poolConflicts({ stateDir, pools })).toHaveLength(3);
  });
});
