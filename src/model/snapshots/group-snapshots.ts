import { cancelCreation } from '../copying/track-creation.ts';
import { invalidValue, missingField, quote, VolumeError } from '../errors.ts';
import { checkNotForeign } from '../find/find-object.ts';
import type { GroupSnapshot } from '../objects/snapshot.ts';
import type { Parts } from '../parts.ts';
import { isSameSet } from '../requests/capability.ts';
import type { Catalogue } from '../state/catalogue.ts';
import type { Hold } from '../state/holds.ts';
import { checkSnapshotUnused } from './delete-snapshot.ts';

/**
 * Deletes a group with its snapshots (CSI specification, DeleteVolumeGroupSnapshot). One that does not exist counts
 * as deleted.
 * @param snapshotIds the snapshots that the CO expects in it
 * @throws VolumeError invalid: it has other snapshots, or the request names none; precondition: it is another node's,
 *   or one of its snapshots is mounted or attached somewhere
 */
export async function deleteGroupSnapshot(
  parts: Parts<'catalogue' | 'host' | 'copying' | 'holds'>,
  { id }: Hold<'group snapshot'>,
  snapshotIds: readonly string[],
): Promise<void> {
  await cancelCreation(parts, id);
  const group = await parts.catalogue.find(parts.catalogue.groups, id);
  if (!group) {
    checkNotForeign(parts.catalogue, 'group', id);
    return;
  }
  checkMembers(group, snapshotIds);
  for (const snapshot of group.snapshots) await checkSnapshotUnused(parts, snapshot);
  await parts.catalogue.removeGroup(group);
}

/**
 * The group with this id (CSI specification, GetVolumeGroupSnapshot).
 * @throws VolumeError not-found; invalid: it has other snapshots, or the request names none
 */
export async function existingGroup(
  catalogue: Catalogue,
  groupId: string,
  snapshotIds: readonly string[],
): Promise<GroupSnapshot> {
  const group = await catalogue.find(catalogue.groups, groupId);
  if (!group) throw new VolumeError('not-found', `group snapshot ${quote(groupId)} does not exist`);
  checkMembers(group, snapshotIds);
  return group;
}

/**
 * Called only for an existing group: csi-sanity names no snapshots for a group that does not exist, and expects not-found.
 */
function checkMembers({ id, snapshots }: GroupSnapshot, snapshotIds: readonly string[]): void {
  if (snapshotIds.length === 0) throw missingField('snapshot_ids');
  const own = snapshots.map((snapshot) => snapshot.id);
  if (isSameSet(own, snapshotIds)) return;
  const why = `does not match the members of group snapshot ${quote(id)}: ${own.map(quote).join(', ')}`;
  throw invalidValue('members', snapshotIds.join(', '), why);
}
