import { programPath, runProgram } from '../../kernel/process/program.ts';
import { type FileSystemType, fileSystemTypes } from '../../model/requests/file-system-options.ts';

/**
 * The smallest image for each file system, in bytes. mkfs.xfs refuses less, as does mkfs.btrfs with its defaults; ext4
 * leaves the user three quarters of 16 MiB, and soon nothing of less.
 */
export const minimumBytes: Readonly<Record<FileSystemType, bigint>> = {
  ext4: 16n * 1024n ** 2n,
  xfs: 300n * 1024n ** 2n,
  btrfs: 114_294_784n,
};

// The first release of e2fsprogs with an option that says that the image reads as zero.
const PREZEROED_SINCE = { major: 1, minor: 47 } as const;

/** The file systems whose mkfs program is installed. */
export function availableFileSystems(): FileSystemType[] {
  return fileSystemTypes.filter((fsType) => programPath(`mkfs.${fsType}`) !== undefined);
}

/** Makes a file system that fills a blank file. Writes as little as possible and discards nothing. */
export async function makeFileSystem(path: string, fsType: FileSystemType, label?: string): Promise<void> {
  const labelled = label === undefined ? [] : ['-L', label];
  await runProgram(`mkfs.${fsType}`, ['-q', ...(await choices[fsType]()), ...labelled, path]);
}

const choices: Readonly<Record<FileSystemType, () => Promise<string[]>>> = {
  async ext4() {
    // Explicit, because a small file system would otherwise get 1 KiB blocks, with which it cannot grow far, and 128-byte
    // inodes, whose times end in 2038, and because the machine's mke2fs.conf may change any default.
    const layout = ['-b', '4096', '-I', '256', '-i', '16384', '-O', 'resize_inode,64bit,metadata_csum'];
    const zeroes = (await supportsPrezeroed()) ? 'assume_storage_prezeroed=1' : 'lazy_itable_init=1';
    // No blocks are reserved for root: the whole volume is for its user.
    return ['-F', ...layout, '-m', '0', '-E', `nodiscard,${zeroes},lazy_journal_init=1`];
  },

  async xfs() {
    // mkfs.xfs chooses the log size: its minimum of 64 MiB up to a certain image size, so df shows 960 MiB of 1 GiB. The
    // sector size would default to that of the underlying disk, and the image could not be copied to other disks.
    return ['-K', '-b', 'size=4096', '-s', 'size=512', '-m', 'reflink=1'];
  },

  async btrfs() {
    // One copy of metadata: a second would lie in the same file, on the same disk, and cost a tenth of a small volume.
    // Users who want redundancy configure it in the pool's file system.
    return ['-K', '-s', '4096', '-m', 'single', '-d', 'single'];
  },
};

async function supportsPrezeroed(): Promise<boolean> {
  const { stderr } = await runProgram('mkfs.ext4', ['-V']);
  const [, major, minor] = /^mke2fs (\d+)\.(\d+)/m.exec(stderr)?.map(Number) ?? [0, 0, 0];
  return (
    major !== undefined &&
    minor !== undefined &&
    (major > PREZEROED_SINCE.major || (major === PREZEROED_SINCE.major && minor >= PREZEROED_SINCE.minor))
  );
}
