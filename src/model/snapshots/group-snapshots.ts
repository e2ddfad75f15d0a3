import { invalidValue, missingField, quote, VolumeError } from '../errors.ts';
import { findObject } from '../find/find-object.ts';
import { checkNotForeign } from '../find/object-owner.ts';
import type { GroupSnapshot } from '../objects/snapshot.ts';
import { isSameSet } from '../requests/same-set.ts';
import type { Model } from '../state/model.ts';
import { checkSnapshotUnused } from './check-snapshot-unused.ts';

/**
 * Deletes a group with its snapshots (CSI specification, DeleteVolumeGroupSnapshot). One that does not exist counts
 * as deleted. The caller holds the id.
 * @param snapshotIds the snapshots that the CO expects in it
 * @throws VolumeError invalid: it has other snapshots, or the request names none; precondition: it is another node's,
 *   or one of its snapshots is mounted or attached somewhere
 */
export async function deleteGroupSnapshot(
  model: Model,
  groupId: string,
  snapshotIds: readonly string[],
): Promise<void> {
  await model.copies.cancel(groupId);
  const group = await findObject(model, model.groups, groupId);
  if (!group) {
    checkNotForeign(model, 'group', groupId);
    return;
  }
  checkMembers(group, snapshotIds);
  for (const snapshot of group.snapshots) await checkSnapshotUnused(model, snapshot);
  await model.pools.of(group).records.groups.remove(groupId);
  model.groups.remove(group);
  for (const snapshot of group.snapshots) model.snapshots.remove(snapshot);
}

/**
 * The group with this id (CSI specification, GetVolumeGroupSnapshot).
 * @throws VolumeError not-found; invalid: it has other snapshots, or the request names none
 */
export async function existingGroup(
  model: Model,
  groupId: string,
  snapshotIds: readonly string[],
): Promise<GroupSnapshot> {
  const group = await findObject(model, model.groups, groupId);
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
  const why = `is not what the group snapshot ${quote(id)} has: ${own.map(quote).join(', ')}`;
  throw invalidValue('members', snapshotIds.join(', '), why);
}
