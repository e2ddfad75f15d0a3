import { readdir } from 'node:fs/promises';
import { errno, isErrno } from '../kernel/calls/errno.ts';
import { retried } from '../kernel/calls/passing-error.ts';
import { idOfDirectory } from '../model/objects/object-id.ts';
import type { GroupSnapshot } from '../model/objects/snapshot.ts';
import type { Damaged } from '../model/objects/stored.ts';
import type { Records } from '../model/ports/ports.ts';

/**
 * The snapshots in groups whose record cannot be understood, as far as the names of directories tell: they are not
 * gone either.
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
    // Of what is a file or gone there are no members. Any other error must not make them seem to be gone.
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
