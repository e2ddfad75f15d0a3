import { readFile, realpath } from 'node:fs/promises';
import { basename } from 'node:path';
import { errno, isErrno } from '../calls/errno.ts';
import { statusOf } from '../calls/statx.ts';

/**
 * How many errors the mounted ext4 of an open file has recorded since it was last checked. The kernel answers from memory.
 * @returns 0 for other file systems
 */
export async function recordedErrorCount(fd: number): Promise<number> {
  try {
    const device = basename(await realpath(`/sys/dev/block/${statusOf(fd).device}`));
    return Number(await readFile(`/sys/fs/ext4/${device}/errors_count`, 'utf8'));
  } catch (error) {
    if (isErrno(error, errno.ENOENT, errno.ENODEV)) return 0;
    throw error;
  }
}
