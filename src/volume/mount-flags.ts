import { invalidField, VolumeError } from './errors.ts';

/** How access times are kept on a mount; undefined leaves them as the source has them. */
export type AccessTimes = 'noatime' | 'relatime' | 'strictatime';

/**
 * What a mount carries. As a request, only what is set here is asked for: restrictions that the source has stay.
 */
export interface MountFlags {
  readonly readOnly: boolean;
  readonly noSuid: boolean;
  readonly noDev: boolean;
  readonly noExec: boolean;
  readonly noDirectoryAccessTimes: boolean;
  readonly noSymlinkFollow: boolean;
  readonly accessTimes: AccessTimes | undefined;
}

type Effect = { group: string; set?: Partial<MountFlags> };

// Flags of one group contradict each other. Those without an effect name the default, or a property that
// belongs to the whole file system, which a bind mount cannot change: the pool's own setting holds.
const effects: Readonly<Record<string, Effect>> = {
  defaults: { group: 'defaults' },
  ro: { group: 'write', set: { readOnly: true } },
  rw: { group: 'write' },
  nosuid: { group: 'suid', set: { noSuid: true } },
  suid: { group: 'suid' },
  nodev: { group: 'dev', set: { noDev: true } },
  dev: { group: 'dev' },
  noexec: { group: 'exec', set: { noExec: true } },
  exec: { group: 'exec' },
  noatime: { group: 'atime', set: { accessTimes: 'noatime' } },
  relatime: { group: 'atime', set: { accessTimes: 'relatime' } },
  strictatime: { group: 'atime', set: { accessTimes: 'strictatime' } },
  atime: { group: 'atime' },
  nodiratime: { group: 'diratime', set: { noDirectoryAccessTimes: true } },
  diratime: { group: 'diratime' },
  nosymfollow: { group: 'symfollow', set: { noSymlinkFollow: true } },
  symfollow: { group: 'symfollow' },
  sync: { group: 'sync' },
  async: { group: 'sync' },
  dirsync: { group: 'dirsync' },
  lazytime: { group: 'lazytime' },
  nolazytime: { group: 'lazytime' },
};

/** The flags that every volume can have, as requests write them. */
export const mountFlagNames: readonly string[] = Object.keys(effects);

/** No restriction at all. */
export const noMountFlags: MountFlags = {
  readOnly: false,
  noSuid: false,
  noDev: false,
  noExec: false,
  noDirectoryAccessTimes: false,
  noSymlinkFollow: false,
  accessTimes: undefined,
};

/**
 * Parses the mount flags of a capability (CSI specification, VolumeCapability.MountVolume).
 * @throws VolumeError invalid: an unknown flag, or two that contradict each other
 */
export function parseMountFlags(field: string, flags: readonly string[]): MountFlags {
  let result = noMountFlags;
  const chosen = new Map<string, string>();
  for (const flag of flags) {
    const effect = Object.hasOwn(effects, flag) ? effects[flag] : undefined;
    if (effect === undefined) {
      throw invalidField(field, flag, `is an unknown mount flag; known flags: ${mountFlagNames.join(', ')}`);
    }
    const rival = chosen.get(effect.group);
    if (rival !== undefined && rival !== flag) {
      throw new VolumeError('invalid', `${field}: ${rival} and ${flag} contradict each other`);
    }
    chosen.set(effect.group, flag);
    result = { ...result, ...effect.set };
  }
  return result;
}

/** The flags of a mount that has those of its source, and others on top. */
export function combineFlags(source: MountFlags, added: MountFlags): MountFlags {
  return {
    readOnly: source.readOnly || added.readOnly,
    noSuid: source.noSuid || added.noSuid,
    noDev: source.noDev || added.noDev,
    noExec: source.noExec || added.noExec,
    noDirectoryAccessTimes: source.noDirectoryAccessTimes || added.noDirectoryAccessTimes,
    noSymlinkFollow: source.noSymlinkFollow || added.noSymlinkFollow,
    accessTimes: added.accessTimes ?? source.accessTimes,
  };
}

/** The names of the flags in which two mounts differ. */
export function differingFlags(one: MountFlags, other: MountFlags): string[] {
  const names = Object.keys(noMountFlags) as (keyof MountFlags)[];
  return names.filter((name) => one[name] !== other[name]);
}
