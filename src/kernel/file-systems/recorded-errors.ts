import { readdir, readFile, realpath } from 'node:fs/promises';
import { basename } from 'node:path';
import { errno, isErrno } from '../calls/errno.ts';
import { fileSystemOf } from '../calls/statfs.ts';
import { statusOf } from '../calls/statx.ts';
import { BTRFS_MAGIC, fileSystemUuid } from './btrfs.ts';

/** The errors that a mounted file system has recorded. */
export type RecordedErrors =
  /** Since it was last checked. */
  | { readonly fsType: 'ext4'; readonly count: number }
  /** Since its counters were reset: their names and values. */
  | { readonly fsType: 'btrfs'; readonly counters: string };

/**
 * The errors that the mounted file system of an open file has recorded. The kernel answers from memory.
 * @returns undefined if there are none, and for other file systems
 */
export async function recordedErrors(fd: number): Promise<RecordedErrors | undefined> {
  if ((await fileSystemOf(fd)).magic === BTRFS_MAGIC) {
    const counters = await btrfsErrors(fileSystemUuid(fd));
    return counters === undefined ? undefined : { fsType: 'btrfs', counters };
  }
  const count = await ext4Errors(fd);
  return count === 0 ? undefined : { fsType: 'ext4', count };
}

async function ext4Errors(fd: number): Promise<number> {
  try {
    const device = basename(await realpath(`/sys/dev/block/${statusOf(fd).device}`));
    return Number(await readFile(`/sys/fs/ext4/${device}/errors_count`, 'utf8'));
  } catch (error) {
    return undefinedIfGone(error) ?? 0;
  }
}

/**
 * The counters of errors of the devices of a mounted btrfs that are not zero, including those of earlier mounts.
 * @returns undefined if all are, the file system is not mounted or is being unmounted, or the kernel is older than Linux 5.14
 */
export async function btrfsErrors(uuid: string): Promise<string | undefined> {
  const devices = `/sys/fs/btrfs/${uuid}/devinfo`;
  try {
    const texts = await Promise.all(
      (await readdir(devices)).map((id) => readFile(`${devices}/${id}/error_stats`, 'utf8')),
    );
    const counters = texts.flatMap((text) => text.split('\n')).filter((line) => /^\w+ [1-9]/.test(line));
    return counters.length > 0 ? counters.join(', ') : undefined;
  } catch (error) {
    return undefinedIfGone(error);
  }
}

function undefinedIfGone(error: unknown): undefined {
  if (!isErrno(error, errno.ENOENT, errno.ENODEV)) throw error;
}
