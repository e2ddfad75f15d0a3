import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  combineFlags,
  differInDefaults,
  differingFlags,
  inForce,
  type MountFlags,
  noMountFlags,
  parseMountFlags,
} from '../../../src/model/requests/mount-flags.ts';

const parse = (...flags: string[]) => parseMountFlags('mount_flags', flags);
/** What a mount has when no flag is asked for. */
const plain: MountFlags = { ...noMountFlags, noSuid: true, noDev: true };

describe('parseMountFlags', () => {
  test.each<[string, Partial<MountFlags>]>([
    ['ro', { readOnly: true }],
    ['nosuid', { noSuid: true }],
    ['nodev', { noDev: true }],
    ['noexec', { noExec: true }],
    ['noatime', { accessTimes: 'noatime' }],
    ['relatime', { accessTimes: 'relatime' }],
    ['strictatime', { accessTimes: 'strictatime' }],
    ['nodiratime', { noDirectoryAccessTimes: true }],
    ['nosymfollow', { noSymlinkFollow: true }],
  ])('%s restricts the mount', (flag, set) => {
    expect(inForce(parse(flag))).toEqual({ ...plain, ...set });
  });

  test.each([
    'defaults',
    'rw',
    'exec',
    'atime',
    'diratime',
    'symfollow',
    'sync',
    'async',
    'dirsync',
    'lazytime',
    'nolazytime',
  ])('%s is accepted and leaves the mount as its source is', (flag) => {
    expect(inForce(parse(flag))).toEqual(plain);
  });

  test('without a flag no program gets the rights of its owner, and no device can be opened', () => {
    expect(inForce(parse())).toEqual(plain);
    expect(inForce(parse('suid'))).toEqual({ ...plain, noSuid: false });
    expect(inForce(parse('suid', 'dev'))).toEqual(noMountFlags);
  });

  test('several flags add up, and one may be told twice', () => {
    expect(inForce(parse('ro', 'noexec', 'noatime', 'ro'))).toEqual({
      ...plain,
      readOnly: true,
      noExec: true,
      accessTimes: 'noatime',
    });
  });

  test.each(['bogus', '', 'RO', 'ro,noexec', 'uid=0', 'constructor', '__proto__'])(
    'a flag that is not known is invalid and quoted: %j',
    (flag) => {
      expect(() => parse('ro', flag)).toThrow(
        expect.objectContaining({ kind: 'invalid', message: expect.stringContaining(JSON.stringify(flag)) }),
      );
    },
  );

  test.each([
    ['ro', 'rw'],
    ['suid', 'nosuid'],
    ['dev', 'nodev'],
    ['exec', 'noexec'],
    ['noatime', 'relatime'],
    ['strictatime', 'atime'],
    ['diratime', 'nodiratime'],
    ['symfollow', 'nosymfollow'],
    ['sync', 'async'],
    ['lazytime', 'nolazytime'],
  ])('%s and %s contradict each other, in either order', (one, other) => {
    for (const flags of [
      [one, other],
      [other, one],
    ]) {
      expect(() => parse(...flags)).toThrow(
        expect.objectContaining({
          kind: 'invalid',
          message: `mount_flags: ${flags.join(' and ')} contradict each other`,
        }),
      );
    }
  });
});

const anyFlags: fc.Arbitrary<MountFlags> = fc.record({
  readOnly: fc.boolean(),
  noSuid: fc.boolean(),
  noDev: fc.boolean(),
  noExec: fc.boolean(),
  noDirectoryAccessTimes: fc.boolean(),
  noSymlinkFollow: fc.boolean(),
  accessTimes: fc.constantFrom('noatime', 'relatime', 'strictatime', undefined),
});

test('flags on top of a source never lift one of its restrictions', () => {
  fc.assert(
    fc.property(anyFlags, anyFlags, (source, added) => {
      const combined = combineFlags(source, added);
      for (const restriction of [
        'readOnly',
        'noSuid',
        'noDev',
        'noExec',
        'noDirectoryAccessTimes',
        'noSymlinkFollow',
      ] as const) {
        expect(combined[restriction]).toBe(source[restriction] || added[restriction]);
      }
      expect(combined.accessTimes).toBe(added.accessTimes ?? source.accessTimes);
    }),
  );
});

test('asking for nothing changes nothing, and asking twice no more than once', () => {
  fc.assert(
    fc.property(anyFlags, anyFlags, (source, added) => {
      expect(combineFlags(source, noMountFlags)).toEqual(source);
      const once = combineFlags(source, added);
      expect(differingFlags(combineFlags(once, added), once)).toEqual([]);
    }),
  );
});

describe('a mount of an older driver, without nosuid and nodev', () => {
  test('is the same for a request that does not name them', () => {
    expect(differingFlags(noMountFlags, combineFlags(noMountFlags, parse()))).toEqual([]);
    expect(differingFlags(plain, combineFlags(noMountFlags, parse()))).toEqual([]);
  });

  test('is another one for a request that does', () => {
    const wanted = combineFlags(noMountFlags, parse('nosuid', 'nodev'));
    expect(differingFlags(noMountFlags, wanted)).toEqual(['noSuid', 'noDev']);
    expect(differingFlags(plain, combineFlags(noMountFlags, parse('suid')))).toEqual(['noSuid']);
  });

  test('has what its source has', () => {
    expect(differingFlags(noMountFlags, combineFlags(plain, parse()))).toEqual(['noSuid', 'noDev']);
  });
});

test('requests differ where one lifts what the other has by default', () => {
  expect(differInDefaults(parse(), parse('suid'))).toBe(true);
  expect(differInDefaults(parse('dev'), parse())).toBe(true);
  expect(differInDefaults(parse(), parse('nosuid'))).toBe(false);
  expect(differInDefaults(parse('suid'), parse('suid'))).toBe(false);
});

test('the flags in which two mounts differ are told by name', () => {
  const other: MountFlags = { ...noMountFlags, readOnly: true, accessTimes: 'noatime' };
  expect(differingFlags(noMountFlags, other)).toEqual(['readOnly', 'accessTimes']);
});
