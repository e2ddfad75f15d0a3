import { cancelCreation } from '../copying/track-creation.ts';
import { invalidValue, quote, VolumeError } from '../errors.ts';
import { checkNotForeign } from '../find/find-object.ts';
import type { Snapshot } from '../objects/snapshot.ts';
import type { Parts } from '../parts.ts';
import type { Hold } from '../state/holds.ts';
import { checkUnmounted } from '../volumes/check-unmounted.ts';

/**
 * Deletes a snapshot (CSI specification, DeleteSnapshot). One that does not exist counts as deleted.
 * @throws VolumeError invalid: it belongs to a group; precondition: it is another node's, or mounted or attached somewhere
 */
export async function deleteSnapshot(
  parts: Parts<'catalogue' | 'host' | 'copying' | 'holds'>,
  { id }: Hold<'snapshot'>,
): Promise<void> {
  await cancelCreation(parts, id);
  const snapshot = await parts.catalogue.find(parts.catalogue.snapshots, id);
  if (!snapshot) {
    checkNotForeign(parts.catalogue, 'snapshot', id);
    return;
  }
  if (snapshot.groupId !== undefined) {
    const why = `belongs to group snapshot ${quote(snapshot.groupId)}; delete the group instead`;
    throw invalidValue('snapshot', id, why);
  }
  await checkSnapshotUnused(parts, snapshot);
  await parts.catalogue.removeSnapshot(snapshot);
}

/**
 * Refuses to delete a snapshot that is mounted or attached, which the driver itself never does.
 * @throws VolumeError precondition: it is mounted, or its image is attached
 */
export async function checkSnapshotUnused(
  parts: Parts<'catalogue' | 'host'>,
  snapshot: Snapshot,
): Promise<void> {
  const data = parts.catalogue.dataOfSnapshot(snapshot);
  const subject = `snapshot ${quote(snapshot.id)}`;
  await checkUnmounted(parts.host, subject, data.directory);
  if (snapshot.content.backend !== 'image') return;
  const device = await parts.host.devices.find(data.path);
  if (!device) return;
  const message = `${subject} is still in use: its image is attached to ${device.path}`;
  throw new VolumeError('precondition', message);
}
