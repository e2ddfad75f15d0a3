import { invalidField, VolumeError } from '../errors.ts';

/** How a mount updates access times; undefined leaves them as on the source. */
export type AccessTimes = 'noatime' | 'relatime' | 'strictatime';

/** The flags of a mount. */
export interface MountFlags {
  readonly readOnly: boolean;
  readonly noSuid: boolean;
  readonly noDev: boolean;
  readonly noExec: boolean;
  readonly noDirectoryAccessTimes: boolean;
  readonly noSymlinkFollow: boolean;
  readonly accessTimes: AccessTimes | undefined;
}

/** A restriction that applies because the request does not mention it; a mount made by an older driver lacks it. */
const BY_DEFAULT = 'by default';

/** The requested flags. Only flags set here are requested: restrictions of the source stay. */
export interface RequestedFlags extends Omit<MountFlags, 'noSuid' | 'noDev'> {
  readonly noSuid: boolean | typeof BY_DEFAULT;
  readonly noDev: boolean | typeof BY_DEFAULT;
}

type Effect = { group: string; set?: Partial<RequestedFlags> };

// Flags of one group contradict each other. Flags without an effect name the default, or a property of the whole file
// system, which a bind mount cannot change: the pool's own setting applies.
const effects: Readonly<Record<string, Effect>> = {
  defaults: { group: 'defaults' },
  ro: { group: 'write', set: { readOnly: true } },
  rw: { group: 'write' },
  nosuid: { group: 'suid', set: { noSuid: true } },
  suid: { group: 'suid', set: { noSuid: false } },
  nodev: { group: 'dev', set: { noDev: true } },
  dev: { group: 'dev', set: { noDev: false } },
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

/** The flags that every volume can have, as written in requests. */
export const mountFlagNames: readonly string[] = Object.keys(effects);

/** No restrictions. */
export const noMountFlags: MountFlags = {
  readOnly: false,
  noSuid: false,
  noDev: false,
  noExec: false,
  noDirectoryAccessTimes: false,
  noSymlinkFollow: false,
  accessTimes: undefined,
};

/** The flags of a request that names none: a volume is for data, and its user may be root in a pod. */
const defaultFlags: RequestedFlags = { ...noMountFlags, noSuid: BY_DEFAULT, noDev: BY_DEFAULT };

/**
 * Parses the mount flags of a capability (CSI specification, VolumeCapability.MountVolume).
 * @throws VolumeError invalid: an unknown flag, or two that contradict each other
 */
export function parseMountFlags(field: string, flags: readonly string[]): RequestedFlags {
  let result = defaultFlags;
  const chosen = new Map<string, string>();
  for (const flag of flags) {
    const effect = Object.hasOwn(effects, flag) ? effects[flag] : undefined;
    if (effect === undefined) {
      throw invalidField(
        field,
        flag,
        `is an unknown mount flag; expected one of ${mountFlagNames.join(', ')}`,
      );
    }
    const conflicting = chosen.get(effect.group);
    if (conflicting !== undefined && conflicting !== flag) {
      throw new VolumeError('invalid', `${field}: ${conflicting} and ${flag} exclude each other`);
    }
    chosen.set(effect.group, flag);
    result = { ...result, ...effect.set };
  }
  return result;
}

/** The flags with which a mount is made. */
export function effectiveFlags({ noSuid, noDev, ...others }: RequestedFlags): MountFlags {
  return { ...others, noSuid: noSuid !== false, noDev: noDev !== false };
}

/** The flags of a mount that has the flags of its source, and others on top. */
export function combineFlags(source: MountFlags, added: MountFlags): MountFlags;
export function combineFlags(source: MountFlags, added: RequestedFlags): RequestedFlags;
export function combineFlags(source: MountFlags, added: RequestedFlags): RequestedFlags {
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

/** The names of the flags in which a mount differs from the requested flags. */
export function differingFlags(mounted: MountFlags, wanted: RequestedFlags): string[] {
  const names = Object.keys(noMountFlags) as (keyof MountFlags)[];
  return names.filter((name) => wanted[name] !== BY_DEFAULT && mounted[name] !== wanted[name]);
}

/**
 * Whether one request lifts a restriction by name that the other has by default: the mount does not show the difference.
 */
export function differInDefaults(one: RequestedFlags, other: RequestedFlags): boolean {
  const differ = (name: 'noSuid' | 'noDev') =>
    (one[name] === BY_DEFAULT && other[name] === false) ||
    (one[name] === false && other[name] === BY_DEFAULT);
  return differ('noSuid') || differ('noDev');
}
