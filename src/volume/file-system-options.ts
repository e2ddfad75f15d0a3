import { type MountFlags, parseMountFlags } from './mount-flags.ts';

/** The mount flags of a capability, parsed. */
export interface ParsedMountFlags {
  readonly mountFlags: MountFlags;
  /** Flags of a whole file system that a directory volume may name, too, without effect. */
  readonly superblockOptions: readonly string[];
  /** Options that only a volume with a file system of its own can have. */
  readonly fileSystemOptions: readonly string[];
}

const superblockOptions: ReadonlySet<string> = new Set(['sync', 'dirsync', 'lazytime']);

// Those that neither name another device or file nor weaken what the driver relies on. The file system says which
// of them it knows.
const fileSystemOptions = [
  /^(no)?discard$/,
  /^discard=(sync|async)$/,
  /^(no)?barrier$/,
  /^commit=\d{1,5}$/,
  /^data=(journal|ordered|writeback)$/,
  /^(no)?delalloc$/,
  /^errors=(continue|remount-ro)$/,
  /^(no)?user_xattr$/,
  /^(no)?acl$/,
  /^(no)?largeio$/,
  /^inode(32|64)$/,
  /^allocsize=\d{1,10}[kKmMgG]?$/,
  /^wsync$/,
  /^compress(-force)?(=(zlib|lzo|zstd|no)(:\d{1,2})?)?$/,
  /^(no)?autodefrag$/,
  /^(no)?ssd$/,
  /^nodatacow$/,
  /^nodatasum$/,
];

/**
 * Parses the mount flags of a capability (CSI specification, VolumeCapability.MountVolume).
 * @throws VolumeError invalid: an unknown flag, or two that contradict each other
 */
export function parseCapabilityFlags(field: string, flags: readonly string[]): ParsedMountFlags {
  const isOption = (flag: string) => fileSystemOptions.some((pattern) => pattern.test(flag));
  return {
    mountFlags: parseMountFlags(
      field,
      flags.filter((flag) => !isOption(flag)),
    ),
    superblockOptions: flags.filter((flag) => superblockOptions.has(flag)),
    fileSystemOptions: flags.filter(isOption),
  };
}
