import { readAt, withDescriptor } from '../calls/descriptor.ts';
import { BTRFS_SUPERBLOCK, decodeBtrfsSuperblock } from './btrfs-superblock.ts';
import { EXT4_SUPERBLOCK } from './ext4-size.ts';
import { fileSystemOn, type ImageFileSystem, isFileSystem } from './superblock.ts';

/** The mount settings in a superblock. */
interface Settings {
  /** Why it must not be mounted: a clause with `it` or `its` for the file system. */
  readonly refusalReason?: string | undefined;
  /** ext4 accepts an option for how data is written only with a journal. */
  readonly hasJournal?: boolean;
}

/** An option that is passed with every mount, so that the superblock cannot decide it. */
interface Override {
  readonly option: string;
  /** Request options that mean the same or the opposite, or conflict with it. */
  readonly unless?: RegExp;
  readonly needsJournal?: boolean;
}

const overrides: Readonly<Record<ImageFileSystem, readonly Override[]>> = {
  ext4: [
    // A superblock may ask for a kernel panic on errors.
    { option: 'errors=remount-ro', unless: /^errors=/ },
    { option: 'data=ordered', unless: /^data=/, needsJournal: true },
    { option: 'barrier', unless: /^(no)?barrier\b/ },
    { option: 'delalloc', unless: /^(no)?delalloc$|^data=journal$/ },
    { option: 'block_validity' },
    { option: 'nogrpid' },
    { option: 'noquota' },
  ],
  // File systems with a metadata directory (Linux 6.13) store quota settings in the superblock.
  xfs: [{ option: 'noquota' }],
  // The top-level subvolume, whatever the default subvolume is.
  btrfs: [{ option: 'subvolid=5' }],
};

/**
 * The options to add to a mount so that the superblock cannot decide any of them.
 * @param options the request's options, which stay as they are
 */
export async function overridesOf(
  device: string,
  fsType: ImageFileSystem,
  options: readonly string[],
): Promise<string[]> {
  const wanted = overrides[fsType].filter(({ unless }) => !options.some((option) => unless?.test(option)));
  const hasJournal =
    wanted.some(({ needsJournal }) => needsJournal) &&
    (await withDescriptor(device, 'r', readers[fsType])).hasJournal === true;
  return wanted.filter(({ needsJournal }) => hasJournal || !needsJournal).map(({ option }) => option);
}

/**
 * Why the file system on a file or block device must not be mounted: its superblock asks for a setting that no mount option
 * overrides, or for other devices. `mkfs` sets none of this by default. Reads a few sectors.
 * @returns undefined if there is no objection, or no file system
 */
export async function mountRefusalReason(image: string): Promise<string | undefined> {
  return withDescriptor(image, 'r', async (fd) => {
    const fsType = await fileSystemOn(fd);
    return isFileSystem(fsType) ? (await readers[fsType](fd)).refusalReason : undefined;
  });
}

const readers: Readonly<Record<ImageFileSystem, (fd: number) => Promise<Settings>>> = {
  async ext4(fd) {
    return ext4Settings(await readAt(fd, EXT4_SUPERBLOCK.offset, EXT4_SUPERBLOCK.bytes));
  },
  async xfs(fd) {
    return xfsSettings(await readAt(fd, 0, XFS_SUPERBLOCK_BYTES));
  },
  async btrfs(fd) {
    return btrfsSettings(await readAt(fd, BTRFS_SUPERBLOCK.offsets[0], BTRFS_SUPERBLOCK.bytes));
  },
};

/** Offsets in struct ext4_super_block. */
const ext4 = {
  compat: 92,
  incompat: 96,
  journalInode: 224,
  journalDevice: 228,
  defaultOptions: 256,
  optionText: 512,
} as const;
const EXT4_OPTION_TEXT_BYTES = 64;
const EXT4_HAS_JOURNAL = 0x4;
const EXT4_IS_JOURNAL = 0x8;
const EXT4_MULTIPLE_MOUNT_PROTECTION = 0x100;
/** Bits of the default options that no mount option overrides. */
const ext4Irrevocable: readonly { bit: number; name: string }[] = [
  { bit: 0x01, name: 'debug' },
  { bit: 0x10, name: 'uid16' },
];

function ext4Settings(superblock: Buffer): Settings {
  // The kernel does not mount a truncated file system.
  if (superblock.length < EXT4_SUPERBLOCK.bytes) return {};
  const hasJournal = (superblock.readUInt32LE(ext4.compat) & EXT4_HAS_JOURNAL) !== 0;
  return { hasJournal, refusalReason: ext4RefusalReason(superblock, hasJournal) };
}

function ext4RefusalReason(superblock: Buffer, hasJournal: boolean): string | undefined {
  const text = superblock.subarray(ext4.optionText, ext4.optionText + EXT4_OPTION_TEXT_BYTES);
  if (text[0] !== 0) {
    const [shown] = text.toString('latin1').split('\0', 1);
    return `its superblock sets the mount options ${JSON.stringify(shown)}; remove them with "tune2fs -E mount_opts="`;
  }
  const defaults = superblock.readUInt32LE(ext4.defaultOptions);
  const refusedOption = ext4Irrevocable.find(({ bit }) => (defaults & bit) !== 0);
  if (refusedOption) {
    return `its superblock sets the default mount option ${refusedOption.name}; remove it with "tune2fs -o ^${refusedOption.name}"`;
  }
  const incompat = superblock.readUInt32LE(ext4.incompat);
  if ((incompat & EXT4_IS_JOURNAL) !== 0) return 'it is the journal of another file system';
  // A mount would wait as long as the superblock says, possibly for hours.
  if ((incompat & EXT4_MULTIPLE_MOUNT_PROTECTION) !== 0) {
    return 'it has multiple mount protection; remove it with "tune2fs -O ^mmp"';
  }
  const isElsewhere =
    superblock.readUInt32LE(ext4.journalInode) === 0 || superblock.readUInt32LE(ext4.journalDevice) !== 0;
  return hasJournal && isElsewhere ? 'its journal is on another device' : undefined;
}

const XFS_SUPERBLOCK_BYTES = 512;
/** Offsets in struct xfs_dsb, which is big-endian. */
const xfs = { realtimeBlocks: 16, logStart: 48 } as const;

function xfsSettings(superblock: Buffer): Settings {
  if (superblock.length < XFS_SUPERBLOCK_BYTES) return {};
  if (superblock.readBigUInt64BE(xfs.logStart) === 0n)
    return { refusalReason: 'its log is on another device' };
  return superblock.readBigUInt64BE(xfs.realtimeBlocks) === 0n
    ? {}
    : { refusalReason: 'it has a realtime section' };
}

/** Offsets in struct btrfs_super_block. */
const btrfs = { flags: 56, deviceCount: 136 } as const;
// Written, being relocated, with errors.
const BTRFS_USUAL_FLAGS = 0b111n;

function btrfsSettings(superblock: Buffer): Settings {
  if (decodeBtrfsSuperblock(superblock, BTRFS_SUPERBLOCK.offsets[0]) === 'damaged') return {};
  if (superblock.readBigUInt64LE(btrfs.deviceCount) !== 1n)
    return { refusalReason: 'it spans several devices' };
  // A seed, or an unfinished id change: kernels before Linux 6.7 would then add devices of other file systems to it.
  return (superblock.readBigUInt64LE(btrfs.flags) & ~BTRFS_USUAL_FLAGS) === 0n
    ? {}
    : { refusalReason: 'it is marked as a seed device or as having an unfinished change' };
}
