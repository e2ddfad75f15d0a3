import { expect, test } from 'vitest';
import { type MountFlags, noMountFlags } from '../../../src/model/requests/mount-flags.ts';
import { fromStatfsFlags, toMountAttributes } from '../../../src/mounts/mount-flag-bits.ts';

// These are the numbers of <linux/mount.h> and statfs(2).
test.each<[keyof MountFlags, number, number]>([
  ['readOnly', 0x1, 0x1],
  ['noSuid', 0x2, 0x2],
  ['noDev', 0x4, 0x4],
  ['noExec', 0x8, 0x8],
  ['noDirectoryAccessTimes', 0x80, 0x800],
  ['noSymlinkFollow', 0x200000, 0x2000],
])('%s is attribute %i, and flag %i in statfs', (flag, attribute, statfsFlag) => {
  const flags = { ...noMountFlags, [flag]: true };
  expect(toMountAttributes(flags)).toEqual({ set: attribute, clear: 0 });
  expect(fromStatfsFlags(statfsFlag)).toEqual({ ...flags, accessTimes: 'strictatime' });
});

test.each([
  ['relatime', 0x00, 0x1000],
  ['noatime', 0x10, 0x400],
  ['noatime', 0x10, 0x1400],
  ['strictatime', 0x20, 0],
] as const)('%s replaces the previous access time option', (accessTimes, set, statfsFlag) => {
  expect(toMountAttributes({ ...noMountFlags, accessTimes })).toEqual({ set, clear: 0x70 });
  expect(fromStatfsFlags(statfsFlag).accessTimes).toBe(accessTimes);
});

test('an empty request sets and clears nothing', () => {
  expect(toMountAttributes(noMountFlags)).toEqual({ set: 0, clear: 0 });
});

test('flags add up', () => {
  const flags: MountFlags = { ...noMountFlags, readOnly: true, noExec: true, accessTimes: 'noatime' };
  expect(toMountAttributes(flags)).toEqual({ set: 0x19, clear: 0x70 });
  expect(fromStatfsFlags(0x409)).toEqual(flags);
});
