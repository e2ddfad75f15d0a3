import { ProgramError, programPath, runProgram } from '../../kernel/process/program.ts';
import { invalidValue } from '../../model/errors.ts';
import { type FileSystemType, fileSystemTypes } from '../../model/requests/file-system-options.ts';
import { type MkfsSetting, mkfsArguments, parseMkfsOptions } from '../../model/requests/mkfs-options.ts';

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

/** The flag of each program that makes it check its options and change nothing. */
const dryRunFlags: Partial<Record<FileSystemType, string>> = { ext4: '-n', xfs: '-N' };

/** The file systems whose mkfs program is installed. */
export function availableFileSystems(): FileSystemType[] {
  return fileSystemTypes.filter((fsType) => programPath(`mkfs.${fsType}`) !== undefined);
}

/** How a file system is made. */
export interface MkfsSpec {
  /** Options that `parseMkfsOptions` accepts. */
  readonly options?: string | undefined;
  /** Whether all of the file or device reads as zeros; true by default. */
  readonly isZeroed?: boolean;
}

/** Makes a file system that fills a file or device that was never written. Writes as little as possible and discards nothing. */
export async function makeFileSystem(
  path: string,
  fsType: FileSystemType,
  spec: MkfsSpec = {},
): Promise<void> {
  await runProgram(`mkfs.${fsType}`, ['-q', ...(await argumentsFor(fsType, spec)), path]);
}

/**
 * Checks that a file system can be made in a blank file with these options: each is possible, but together or with this size they
 * may not be. mkfs.btrfs cannot tell.
 * @throws VolumeError invalid, with what the program says
 */
export async function checkMkfsOptions(path: string, fsType: FileSystemType, options: string): Promise<void> {
  const dryRun = dryRunFlags[fsType];
  if (dryRun === undefined) return;
  try {
    await runProgram(`mkfs.${fsType}`, ['-q', dryRun, ...(await argumentsFor(fsType, { options })), path]);
  } catch (error) {
    if (!(error instanceof ProgramError) || error.exitCode === undefined) throw error;
    throw invalidValue('mkfsOptions', options, `is refused for this volume: ${error.message}`);
  }
}

async function argumentsFor(
  fsType: FileSystemType,
  { options, isZeroed = true }: MkfsSpec,
): Promise<string[]> {
  const { fixed, settings } = await choices[fsType](isZeroed);
  const wanted = options === undefined ? [] : parseMkfsOptions(fsType, options);
  if (typeof wanted === 'string') throw new Error(`mkfs.${fsType}: ${options} ${wanted}`);
  // The number of inodes and the ratio exclude each other.
  const isCounted = wanted.some(({ flag }) => fsType === 'ext4' && flag === '-N');
  const own = isCounted ? settings.filter(({ flag }) => flag !== '-i') : settings;
  return [...fixed, ...mkfsArguments([...own, ...wanted])];
}

/** What the driver chooses: users cannot change what is fixed, and may change the settings. */
interface Choice {
  readonly fixed: readonly string[];
  readonly settings: readonly MkfsSetting[];
}

const whole = (flag: string, text: string): MkfsSetting => ({ flag, key: '', text });
const part = (flag: string, key: string, value: string): MkfsSetting => ({
  flag,
  key,
  text: `${key}=${value}`,
});
const feature = (name: string): MkfsSetting => ({ flag: '-O', key: name, text: name });

const choices: Readonly<Record<FileSystemType, (isZeroed: boolean) => Promise<Choice>>> = {
  async ext4(isZeroed) {
    const zeroes =
      isZeroed && (await supportsPrezeroed()) ? 'assume_storage_prezeroed=1' : 'lazy_itable_init=1';
    return {
      fixed: ['-F', '-E', `nodiscard,${zeroes},lazy_journal_init=1`],
      settings: [
        // Explicit, because a small file system would otherwise get 1 KiB blocks, with which it cannot grow far, and 128-byte
        // inodes, whose times end in 2038, and because the machine's mke2fs.conf may change any default.
        whole('-b', '4096'),
        whole('-I', '256'),
        whole('-i', '16384'),
        ...['resize_inode', '64bit', 'metadata_csum'].map(feature),
        // No blocks are reserved for root: the whole volume is for its user.
        whole('-m', '0'),
      ],
    };
  },

  async xfs() {
    return {
      // The sector size would default to that of the underlying disk, and the image could not be copied to other disks.
      fixed: ['-K', '-s', 'size=512'],
      // mkfs.xfs chooses the log size: its minimum of 64 MiB up to a certain image size, so df shows 960 MiB of 1 GiB.
      settings: [part('-b', 'size', '4096'), part('-m', 'reflink', '1')],
    };
  },

  async btrfs() {
    return {
      fixed: ['-K', '-s', '4096'],
      // One copy of metadata: a second would lie in the same file, on the same disk, and cost a tenth of a small volume.
      // Users who want redundancy configure it in the pool's file system.
      settings: [whole('-m', 'single'), whole('-d', 'single')],
    };
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
