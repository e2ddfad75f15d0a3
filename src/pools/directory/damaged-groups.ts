import { readdir } from 'node:fs/promises';
import { errno, isErrno } from '../../kernel/calls/errno.ts';
import { retry } from '../../kernel/calls/transient-error.ts';
import { idOfDirectory } from '../../model/objects/object-id.ts';
import type { DamagedObject } from '../../model/objects/object-index.ts';
import type { GroupSnapshot } from '../../model/objects/snapshot.ts';
import type { Records } from '../../model/ports/ports.ts';

/**
 * The snapshots in groups with damaged records, as far as directory names identify them. They still exist, and must not
 * be reported as deleted.
 */
export async function damagedMembers(
  records: Records<GroupSnapshot>,
  groups: readonly DamagedObject[],
): Promise<DamagedObject[]> {
  const members = await Promise.all(groups.map((group) => membersOf(records, group)));
  return members.flat();
}

async function membersOf(
  records: Records<GroupSnapshot>,
  { id, pool, reason, isUnread }: DamagedObject,
): Promise<DamagedObject[]> {
  const read = () => readdir(records.directoryOf(id), { withFileTypes: true });
  const entries = await retry(read).catch((error: unknown) => {
    // A file or a missing directory has no members. After any other error, the members must not look deleted.
    if (isErrno(error, errno.ENOENT, errno.ENOTDIR)) return [];
    throw error;
  });
  return entries
    .filter((entry) => entry.isDirectory())
    .map(({ name }) => ({
      id: idOfDirectory(name),
      pool,
      reason: `its group is damaged: ${reason}`,
      ...(isUnread ? { isUnread } : {}),
    }));
}
