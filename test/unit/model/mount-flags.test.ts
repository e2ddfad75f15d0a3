import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  combineFlags,
  differInDefaults,
  differingFlags,
  effectiveFlags,
  type MountFlags,
  noMountFlags,
  parseMountFlags,
} from '../../../src/model/requests/mount-flags.ts';

const parse = (...flags: string[]) => parseMountFlags('mount_flags', flags);
/** The flags of a mount when no flag is requested. */
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
    expect(effectiveFlags(parse(flag))).toEqual({ ...plain, ...set });
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
  ])('%s is accepted and leaves the mount with the setting of its source', (flag) => {
    expect(effectiveFlags(parse(flag))).toEqual(plain);
  });

  test('without a flag, set-user-id programs and devices have no effect', () => {
    expect(effectiveFlags(parse())).toEqual(plain);
    expect(effectiveFlags(parse('suid'))).toEqual({ ...plain, noSuid: false });
    expect(effectiveFlags(parse('suid', 'dev'))).toEqual(noMountFlags);
  });

  test('several flags add up, and a flag can be repeated', () => {
    expect(effectiveFlags(parse('ro', 'noexec', 'noatime', 'ro'))).toEqual({
      ...plain,
      readOnly: true,
      noExec: true,
      accessTimes: 'noatime',
    });
  });

  test.each(['bogus', '', 'RO', 'ro,noexec', 'uid=0', 'constructor', '__proto__'])(
    'an unknown flag is invalid and quoted: %j',
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
          message: `mount_flags: ${flags.join(' and ')} exclude each other`,
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

test('an empty request changes nothing, and a repeated one changes nothing more', () => {
  fc.assert(
    fc.property(anyFlags, anyFlags, (source, added) => {
      expect(combineFlags(source, noMountFlags)).toEqual(source);
      const once = combineFlags(source, added);
      expect(differingFlags(combineFlags(once, added), once)).toEqual([]);
    }),
  );
});

describe('a mount from an older driver, without nosuid and nodev', () => {
  test('counts as the same for a request that does not name them', () => {
    expect(differingFlags(noMountFlags, combineFlags(noMountFlags, parse()))).toEqual([]);
    expect(differingFlags(plain, combineFlags(noMountFlags, parse()))).toEqual([]);
  });

  test('counts as different for a request that does', () => {
    const wanted = combineFlags(noMountFlags, parse('nosuid', 'nodev'));
    expect(differingFlags(noMountFlags, wanted)).toEqual(['noSuid', 'noDev']);
    expect(differingFlags(plain, combineFlags(noMountFlags, parse('suid')))).toEqual(['noSuid']);
  });

  test('has the flags of its source', () => {
    expect(differingFlags(noMountFlags, combineFlags(plain, parse()))).toEqual(['noSuid', 'noDev']);
  });
});

test('requests differ if one lifts a default of the other', () => {
  expect(differInDefaults(parse(), parse('suid'))).toBe(true);
  expect(differInDefaults(parse('dev'), parse())).toBe(true);
  expect(differInDefaults(parse(), parse('nosuid'))).toBe(false);
  expect(differInDefaults(parse('suid'), parse('suid'))).toBe(false);
});

test('the flags in which two mounts differ are named', () => {
  const other: MountFlags = { ...noMountFlags, readOnly: true, accessTimes: 'noatime' };
  expect(differingFlags(noMountFlags, other)).toEqual(['readOnly', 'accessTimes']);
});
