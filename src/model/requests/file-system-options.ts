import { invalidField } from '../errors.ts';
import { mountFlagNames, parseMountFlags, type RequestedFlags } from './mount-flags.ts';

/** The parsed mount flags of a capability. */
export interface ParsedMountFlags {
  readonly mountFlags: RequestedFlags;
  /** Flags of a whole file system that a directory volume accepts too, without effect. */
  readonly superblockOptions: readonly string[];
  /** Options that only a volume with its own file system can have. */
  readonly fileSystemOptions: readonly string[];
  /** The SELinux label of everything in the volume; undefined if the request does not say. */
  readonly seLinuxContext?: string;
}

const superblockOptions: ReadonlySet<string> = new Set(['sync', 'dirsync', 'lazytime']);

/** A mount option: its syntax, and the file systems that have it. */
interface FileSystemOption {
  /** As shown in messages. */
  readonly name: string;
  readonly pattern: RegExp;
  readonly of: readonly FileSystemType[];
}

// Options that neither name another device or file nor weaken guarantees that the driver relies on, and that every
// supported kernel accepts.
const fileSystemOptions: readonly FileSystemOption[] = [
  { name: 'discard', pattern: /^discard$/, of: ['ext4', 'xfs', 'btrfs'] },
  { name: 'nodiscard', pattern: /^nodiscard$/, of: ['ext4', 'xfs', 'btrfs'] },
  { name: 'discard=sync|async', pattern: /^discard=(sync|async)$/, of: ['btrfs'] },
  { name: 'barrier', pattern: /^barrier$/, of: ['ext4', 'btrfs'] },
  { name: 'nobarrier', pattern: /^nobarrier$/, of: ['ext4', 'btrfs'] },
  { name: 'commit=SECONDS', pattern: /^commit=\d{1,5}$/, of: ['ext4', 'btrfs'] },
  { name: 'data=journal|ordered|writeback', pattern: /^data=(journal|ordered|writeback)$/, of: ['ext4'] },
  { name: 'delalloc', pattern: /^delalloc$/, of: ['ext4'] },
  { name: 'nodelalloc', pattern: /^nodelalloc$/, of: ['ext4'] },
  { name: 'errors=continue|remount-ro', pattern: /^errors=(continue|remount-ro)$/, of: ['ext4'] },
  { name: 'user_xattr', pattern: /^user_xattr$/, of: ['ext4'] },
  { name: 'acl', pattern: /^acl$/, of: ['ext4', 'btrfs'] },
  { name: 'noacl', pattern: /^noacl$/, of: ['btrfs'] },
  { name: 'largeio', pattern: /^largeio$/, of: ['xfs'] },
  { name: 'nolargeio', pattern: /^nolargeio$/, of: ['xfs'] },
  { name: 'inode32', pattern: /^inode32$/, of: ['xfs'] },
  { name: 'inode64', pattern: /^inode64$/, of: ['xfs'] },
  { name: 'allocsize=SIZE', pattern: /^allocsize=\d{1,10}[kKmMgG]?$/, of: ['xfs'] },
  { name: 'wsync', pattern: /^wsync$/, of: ['xfs'] },
  // The driver sets it itself if necessary.
  { name: 'nouuid', pattern: /^nouuid$/, of: ['xfs'] },
  {
    name: 'compress[=zlib|lzo|zstd|no[:LEVEL]]',
    pattern: /^compress(=(zlib|lzo|zstd|no)(:\d{1,2})?)?$/,
    of: ['btrfs'],
  },
  {
    name: 'compress-force[=zlib|lzo|zstd|no[:LEVEL]]',
    pattern: /^compress-force(=(zlib|lzo|zstd|no)(:\d{1,2})?)?$/,
    of: ['btrfs'],
  },
  { name: 'autodefrag', pattern: /^autodefrag$/, of: ['btrfs'] },
  { name: 'noautodefrag', pattern: /^noautodefrag$/, of: ['btrfs'] },
  { name: 'ssd', pattern: /^ssd$/, of: ['btrfs'] },
  { name: 'nossd', pattern: /^nossd$/, of: ['btrfs'] },
  { name: 'nodatacow', pattern: /^nodatacow$/, of: ['btrfs'] },
  { name: 'nodatasum', pattern: /^nodatasum$/, of: ['btrfs'] },
];

/**
 * Parses the mount flags of a capability (CSI specification, VolumeCapability.MountVolume).
 * @throws VolumeError invalid: an unknown flag, or two that contradict each other
 */
export function parseCapabilityFlags(field: string, flags: readonly string[]): ParsedMountFlags {
  const isOption = (flag: string) => fileSystemOptions.some(({ pattern }) => pattern.test(flag));
  const options = flags.filter(isOption);
  const isContext = (flag: string) => flag.startsWith(CONTEXT);
  const rest = flags.filter((flag) => !isOption(flag) && !isContext(flag));
  const seLinuxContext = parseContext(field, flags.filter(isContext));
  const unknown = rest.find((flag) => !mountFlagNames.includes(flag));
  if (unknown !== undefined) {
    const ofImages = fileSystemTypes.map((fsType) => `an image with ${fsType}: ${optionsOf(fsType)}`);
    const known = [`every volume: ${mountFlagNames.join(', ')}`, ...ofImages];
    throw invalidField(field, unknown, `is an unknown mount flag; supported by ${known.join('; by ')}`);
  }
  return {
    mountFlags: parseMountFlags(field, rest),
    superblockOptions: flags.filter((flag) => superblockOptions.has(flag)),
    fileSystemOptions: options,
    ...(seLinuxContext === undefined ? {} : { seLinuxContext }),
  };
}

const CONTEXT = 'context=';
// user:role:type, and a range where the policy has levels. The kubelet puts it in quotes.
const CONTEXT_PATTERN = /^context=("?)([\w.-]+(?::[\w.-]+){2}(?::[\w.:,-]+)?)\1$/;

/** @throws VolumeError invalid: it is not an SELinux context, or there are two */
function parseContext(field: string, flags: readonly string[]): string | undefined {
  const contexts = flags.map((flag) => {
    const context = CONTEXT_PATTERN.exec(flag)?.[2];
    if (context !== undefined) return context;
    throw invalidField(
      field,
      flag,
      'must be an SELinux context, such as context=system_u:object_r:container_file_t:s0',
    );
  });
  const [first, other] = new Set(contexts);
  if (other === undefined) return first;
  throw invalidField(field, other, `is another SELinux context than ${first}`);
}

/** Why a file system cannot be mounted with these options; undefined if it can. */
export function optionProblem(fsType: FileSystemType, options: readonly string[]): string | undefined {
  const foreign = options.find((option) => !isOptionOf(fsType, option));
  if (foreign !== undefined) {
    return `"${foreign}" is not an option of ${fsType}; expected one of ${optionsOf(fsType)}`;
  }
  const size = options.find((option) => option.startsWith('allocsize=') && !isAllocationSize(option));
  if (size !== undefined) return `"${size}" must be a power of two from 4k to 1g`;
  if (options.includes('data=journal') && options.includes('delalloc')) {
    return '"data=journal" and "delalloc" exclude each other';
  }
  return undefined;
}

/** The options of a file system, as shown in messages. */
function optionsOf(fsType: FileSystemType): string {
  const own = fileSystemOptions.filter(({ of }) => of.includes(fsType));
  return own.map(({ name }) => name).join(', ');
}

function isOptionOf(fsType: FileSystemType, option: string): boolean {
  return fileSystemOptions.some(({ pattern, of }) => of.includes(fsType) && pattern.test(option));
}

const SMALLEST_ALLOCATION = 4096n;
const LARGEST_ALLOCATION = 1024n ** 3n;
const factors: Readonly<Record<string, bigint>> = { k: 1024n, m: 1024n ** 2n, g: 1024n ** 3n };

/** Whether XFS accepts this allocation size: it must be a power of two, of a page or more. */
function isAllocationSize(option: string): boolean {
  const [, number = '', unit = ''] = /=(\d+)([a-z]?)$/i.exec(option) ?? [];
  const bytes = BigInt(number) * (factors[unit.toLowerCase()] ?? 1n);
  if (bytes < SMALLEST_ALLOCATION || bytes > LARGEST_ALLOCATION) return false;
  return (bytes & (bytes - 1n)) === 0n;
}

/** The file systems that an image can have, as in fs_type. */
export const fileSystemTypes = ['ext4', 'xfs', 'btrfs'] as const;

export type FileSystemType = (typeof fileSystemTypes)[number];

/** The file system of an image if fs_type is empty. */
export const defaultFileSystemType: FileSystemType = 'ext4';
