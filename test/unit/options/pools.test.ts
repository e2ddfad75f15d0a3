import { describe, expect, it } from 'vitest';
import { poolCapacity, poolConflicts, poolPlace } from '../../../src/options/pools.ts';

describe('A pool on the command line', () => {
  it.each(['a', '7', 'fast-1', 'f'.repeat(63)])('may be called %s', (name) => {
    expect(poolPlace.parse(`${name}=/mnt/x/`)).toEqual({ name, path: '/mnt/x' });
  });

  it.each(['A', 'fast.1', 'a_b', '-a', 'a-', 'ä', 'a b', '../x', 'a\n', 'f'.repeat(64)])(
    'may not be called %j',
    (name) => {
      expect(() => poolPlace.parse(`${name}=/x`)).toThrow(
        `${JSON.stringify(name)} is not the name of a pool`,
      );
    },
  );

  it('may not be called as the one in the state directory is', () => {
    expect(() => poolPlace.parse('default=/x')).toThrow('its path is --statedir');
  });

  it('may have an equals sign in its path', () => {
    expect(poolPlace.parse('a=/x=y')).toEqual({ name: 'a', path: '/x=y' });
  });
});

describe('A capacity on the command line', () => {
  it.each(['default', 'fast', 'Slow_kind.1'])('may be that of %s', (name) => {
    expect(poolCapacity.parse(`${name}=1.5Ki`)).toEqual({ name, capacityBytes: 1536n });
  });

  it.each(['a/b', '.', 'k'.repeat(64)])('may not be that of %j', (name) => {
    expect(() => poolCapacity.parse(`${name}=1`)).toThrow(`${JSON.stringify(name)} is not the name`);
  });
});

describe('Pools that stand beside each other', () => {
  it('are no conflict, whatever letters their paths share', () => {
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

describe('Pools that cannot be together', () => {
  const stateDir = '/data';
  it.each([
    ['in the state directory', '/data/a', '--pool: "a" at "/data/a" lies in the state directory, "/data"'],
    ['at it', '/data', '--pool: "a" at "/data" is where the state directory is'],
    ['over it', '/', '--pool: "a" at "/" has the state directory below it, "/data"'],
  ])('are told: one %s', (_, path, sentence) => {
    expect(poolConflicts({ stateDir, pools: [{ name: 'a', path }] })).toEqual([sentence]);
  });

  it.each([
    ['in', '/mnt/a/b/c', '--pool: "b" at "/mnt/a/b/c" lies in pool "a", "/mnt/a"'],
    ['at', '/mnt/a', '--pool: "b" at "/mnt/a" is where pool "a" is'],
    ['over', '/mnt', '--pool: "b" at "/mnt" has pool "a" below it, "/mnt/a"'],
  ])('are told: one %s another', (_, path, sentence) => {
    const pools = [
      { name: 'a', path: '/mnt/a' },
      { name: 'b', path },
    ];
    expect(poolConflicts({ stateDir, pools })).toEqual([sentence]);
  });

  it('are told: a name given twice, once however often, and no further by its two paths', () => {
    const pools = ['/mnt/a', '/mnt/a', '/mnt/a/b'].map((path) => ({ name: 'a', path }));
    expect(poolConflicts({ stateDir, pools })).toEqual(['--pool: "a" is given more than once']);
  });

  it('are told: two capacities of one name, even where they are the same', () => {
    const capacities = [1n, 1n].map((capacityBytes) => ({ name: 'fast', capacityBytes }));
    expect(poolConflicts({ stateDir, capacities })).toEqual(['--capacity: "fast" is given more than once']);
  });

  it('are told all at once', () => {
    const pools = [
      { name: 'a', path: '/data/a' },
      { name: 'b', path: '/data/a' },
    ];
    expect(poolConflicts({ stateDir, pools })).toHaveLength(3);
  });
});
