import { quote, VolumeError } from '../errors.ts';
import { snapshotDirectory } from '../find/find-snapshot.ts';
import type { Snapshot } from '../objects/snapshot.ts';
import type { Model } from '../state/model.ts';
import { checkUnmounted } from '../volumes/check-unmounted.ts';

/**
 * Refuses to delete a snapshot that is mounted or attached, which the driver itself never does.
 * @throws VolumeError precondition: it is mounted, or its image is attached
 */
export async function checkSnapshotUnused(model: Model, snapshot: Snapshot): Promise<void> {
  const directory = snapshotDirectory(model, snapshot);
  const subject = `snapshot ${quote(snapshot.id)}`;
  await checkUnmounted(model, subject, directory);
  if (snapshot.content.backend !== 'image') return;
  const image = model.pools.of(snapshot).backends.image.contentOf(directory);
  const device = await model.devices.find(image);
  if (!device) return;
  throw new VolumeError(
    'precondition',
    `${subject} is still in use: its image is attached to ${device.path}`,
  );
}
