import { readdir } from 'node:fs/promises';
import { errno, isErrno } from '../kernel/calls/errno.ts';
import { retried } from '../kernel/calls/passing-error.ts';
import { idOfDirectory } from '../model/objects/object-id.ts';
import type { GroupSnapshot } from '../model/objects/snapshot.ts';
import type { Damaged } from '../model/objects/stored.ts';
import type { Records } from '../model/ports/ports.ts';

/**
 * The snapshots in groups with damaged records, as far as directory names identify them. They still exist, and must not
 * be reported as deleted.
 */
export async function damagedMembers(
  records: Records<GroupSnapshot>,
  groups: readonly Damaged[],
): Promise<Damaged[]> {
  const members = await Promise.all(groups.map((group) => membersOf(records, group)));
  return members.flat();
}

async function membersOf(
  records: Records<GroupSnapshot>,
  { id, pool, reason, isUnread }: Damaged,
): Promise<Damaged[]> {
  const read = () => readdir(records.directoryOf(id), { withFileTypes: true });
  const entries = await retried(read).catch((error: unknown) => {
    // A file or a missing directory has no members. After any other error, the members must not look deleted.
    if (isErrno(error, errno.ENOENT, errno.ENOTDIR)) return [];
    throw error;
  });
  return entries
    .filter((entry) => entry.isDirectory())
    .map(({ name }) => ({
      id: idOfDirectory(name),
      pool,
      reason: `it is in a damaged group: ${reason}`,
      ...(isUnread ? { isUnread } : {}),
    }));
}
