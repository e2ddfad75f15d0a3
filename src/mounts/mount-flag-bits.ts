import { mountAttr } from '../kernel/mounts/bind-mount.ts';
import type { AccessTimes, MountFlags } from '../model/requests/mount-flags.ts';

/** The ST_* bits of statfs(2) that tell a mount's flags. */
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

/** What mount_setattr(2) must set and clear so that a clone of a mount gets these flags on top of its own. */
export function toMountAttributes(flags: MountFlags): { set: number; clear: number } {
  const set =
    (flags.readOnly ? mountAttr.readOnly : 0) |
    (flags.noSuid ? mountAttr.noSuid : 0) |
    (flags.noDev ? mountAttr.noDev : 0) |
    (flags.noExec ? mountAttr.noExec : 0) |
    (flags.noDirectoryAccessTimes ? mountAttr.nodiratime : 0) |
    (flags.noSymlinkFollow ? mountAttr.noSymfollow : 0);
  if (flags.accessTimes === undefined) return { set, clear: 0 };
  // The kernel takes a new value for access times only together with the old one cleared.
  return { set: set | accessTimeBits[flags.accessTimes], clear: mountAttr.accessTimeMask };
}

/** The flags in force, from the bits statfs(2) tells. */
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

function accessTimesOf(bits: number): AccessTimes {
  if ((bits & statfsFlag.noatime) !== 0) return 'noatime';
  return (bits & statfsFlag.relatime) !== 0 ? 'relatime' : 'strictatime';
}
