import { invalidValue, quote } from '../errors.ts';
import { findObject } from '../find/find-object.ts';
import { checkNotForeign } from '../find/object-owner.ts';
import type { Model } from '../state/model.ts';
import { checkSnapshotUnused } from './check-snapshot-unused.ts';

/**
 * Deletes a snapshot (CSI specification, DeleteSnapshot). One that does not exist counts as deleted. The caller holds the
 * id.
 * @throws VolumeError invalid: it belongs to a group; precondition: it is another node's, or mounted or attached somewhere
 */
export async function deleteSnapshot(model: Model, snapshotId: string): Promise<void> {
  await model.copies.cancel(snapshotId);
  const snapshot = await findObject(model, model.snapshots, snapshotId);
  if (!snapshot) {
    checkNotForeign(model, 'snapshot', snapshotId);
    return;
  }
  if (snapshot.groupId !== undefined) {
    const why = `belongs to the group snapshot ${quote(snapshot.groupId)}, and goes with it`;
    throw invalidValue('snapshot', snapshotId, why);
  }
  await checkSnapshotUnused(model, snapshot);
  await model.pools.of(snapshot).records.snapshots.remove(snapshotId);
  model.snapshots.remove(snapshot);
}
