import { call, numberedCall } from '../calls/libc.ts';

const renameat2 = numberedCall('renameat2', process.arch === 'arm64' ? 276 : 316, [
  'int',
  'str',
  'int',
  'str',
  'uint',
]);

const AT_FDCWD = -100;
const RENAME_EXCHANGE = 2;

/**
 * Atomically exchanges two files or directories of one file system. No directory grows, so most file systems need no
 * free space for it.
 * @throws KernelError EINVAL if the file system cannot, ENOENT if one is missing
 */
export async function exchange(one: string, other: string): Promise<void> {
  await call(renameat2, `${one} and ${other}`, AT_FDCWD, one, AT_FDCWD, other, RENAME_EXCHANGE);
}
