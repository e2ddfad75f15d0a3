import { mountAttr } from '../kernel/mounts/bind-mount.ts';
import type { AccessTimes, MountFlags } from '../model/requests/mount-flags.ts';

/** The ST_* bits of statfs(2) for mount flags. */
const statfsFlag = {
  readOnly: 0x0001,
  noSuid: 0x0002,
  noDev: 0x0004,
  noExec: 0x0008,
  noatime: 0x0400,
  nodiratime: 0x0800,
  relatime: 0x1000,
  noSymfollow: 0x2000,
} as const;

const accessTimeBits: Readonly<Record<AccessTimes, number>> = {
  noatime: mountAttr.noatime,
  relatime: mountAttr.relatime,
  strictatime: mountAttr.strictatime,
};

const accessTimesByBit: ReadonlyMap<number, AccessTimes> = new Map(
  Object.entries(accessTimeBits).map(([name, bit]) => [bit, name as AccessTimes]),
);

/** The attributes that mount_setattr(2) must set and clear to add these flags to a cloned mount's own. */
export function toMountAttributes(flags: MountFlags): { set: number; clear: number } {
  const set =
    (flags.readOnly ? mountAttr.readOnly : 0) |
    (flags.noSuid ? mountAttr.noSuid : 0) |
    (flags.noDev ? mountAttr.noDev : 0) |
    (flags.noExec ? mountAttr.noExec : 0) |
    (flags.noDirectoryAccessTimes ? mountAttr.nodiratime : 0) |
    (flags.noSymlinkFollow ? mountAttr.noSymfollow : 0);
  if (flags.accessTimes === undefined) return { set, clear: 0 };
  // The kernel accepts a new access time mode only if the old one is cleared in the same call.
  return { set: set | accessTimeBits[flags.accessTimes], clear: mountAttr.accessTimeMask };
}

/** The flags in force, from the bits of statfs(2). */
export function fromStatfsFlags(bits: number): MountFlags {
  return {
    readOnly: (bits & statfsFlag.readOnly) !== 0,
    noSuid: (bits & statfsFlag.noSuid) !== 0,
    noDev: (bits & statfsFlag.noDev) !== 0,
    noExec: (bits & statfsFlag.noExec) !== 0,
    noDirectoryAccessTimes: (bits & statfsFlag.nodiratime) !== 0,
    noSymlinkFollow: (bits & statfsFlag.noSymfollow) !== 0,
    accessTimes: accessTimesOf(bits),
  };
}

/** The same from the bits of mount_setattr(2). */
export function fromMountAttributes(bits: number): MountFlags {
  const accessTimeBit = bits & mountAttr.accessTimeMask;
  return {
    readOnly: (bits & mountAttr.readOnly) !== 0,
    noSuid: (bits & mountAttr.noSuid) !== 0,
    noDev: (bits & mountAttr.noDev) !== 0,
    noExec: (bits & mountAttr.noExec) !== 0,
    noDirectoryAccessTimes: (bits & mountAttr.nodiratime) !== 0,
    noSymlinkFollow: (bits & mountAttr.noSymfollow) !== 0,
    accessTimes: accessTimesByBit.get(accessTimeBit) ?? 'relatime',
  };
}

function accessTimesOf(bits: number): AccessTimes {
  if ((bits & statfsFlag.noatime) !== 0) return 'noatime';
  return (bits & statfsFlag.relatime) !== 0 ? 'relatime' : 'strictatime';
}
