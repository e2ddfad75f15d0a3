import { errno, isErrno } from '../../kernel/calls/errno.ts';
import { fileSystemUuid, subvolumeId } from '../../kernel/file-systems/btrfs.ts';
import {
  areQgroupsInconsistent,
  isRescanRunning,
  type Qgroup,
  type QuotaMode,
  qgroupOf,
  quotaMode,
  setQgroupLimit,
} from '../../kernel/file-systems/btrfs-quota.ts';
import { isOwnSubvolume } from './data-kind.ts';

/** What can limit the size of a volume's data, as it is on disk now. */
export type DataLimit =
  /** A plain directory: nothing can. */
  | { readonly kind: 'directory' }
  /** A subvolume on a file system without quotas. */
  | { readonly kind: 'quotas-off' }
  /** A subvolume whose qgroup has been removed. */
  | { readonly kind: 'no-qgroup'; readonly id: number; readonly mode: QuotaMode }
  /** A subvolume with a qgroup, which may have a limit. */
  | ({ readonly kind: 'qgroup'; readonly id: number } & Qgroup);

/** Determines what can limit a volume's data. @param fd the volume's data */
export async function dataLimit(fd: number): Promise<DataLimit> {
  if (!(await isOwnSubvolume(fd))) return { kind: 'directory' };
  const uuid = fileSystemUuid(fd);
  const id = subvolumeId(fd);
  const qgroup = await qgroupOf(uuid, id);
  if (qgroup) return { kind: 'qgroup', id, ...qgroup };
  const mode = await quotaMode(uuid);
  return mode === 'off' ? { kind: 'quotas-off' } : { kind: 'no-qgroup', id, mode };
}

/**
 * Sets the limit of a subvolume's qgroup and reads it back. It is on disk after the next commit.
 * @param fd the volume's own subvolume
 */
export async function setLimit(fd: number, id: number, limitBytes: bigint): Promise<void> {
  await setQgroupLimit(fd, id, limitBytes);
  const read = (await qgroupOf(fileSystemUuid(fd), id))?.limitBytes;
  if (read !== limitBytes) {
    throw new Error(`the limit of qgroup 0/${id} is ${read} after setting it to ${limitBytes}`);
  }
}

/** Removes the limit of a volume's data; does nothing if it is a plain directory or quotas are off. */
export async function removeLimit(fd: number): Promise<void> {
  if (!(await isOwnSubvolume(fd))) return;
  try {
    await setQgroupLimit(fd, subvolumeId(fd), undefined);
  } catch (error) {
    if (!isErrno(error, errno.ENOTCONN, errno.EINVAL, errno.ENOENT)) throw error;
  }
}

/**
 * Whether btrfs has marked its counts as inconsistent, as it does when a large snapshot is deleted: limits may then not be
 * enforced until a rescan.
 */
export async function isCountInconsistent(fd: number): Promise<boolean> {
  return (await areQgroupsInconsistent(fileSystemUuid(fd))) && !(await isRescanRunning(fd));
}
