import { quote, VolumeError } from './errors.ts';
import type { Model } from './model.ts';
import { parseOwnId } from './volume-id.ts';

/**
 * Deletes a volume (CSI specification, DeleteVolume). One that does not exist is deleted already, except where
 * its id tells that it is another node's: then nobody here can say so. The caller holds the id.
 * @throws VolumeError precondition: it is mounted, or another node's
 */
export async function deleteVolume(model: Model, volumeId: string): Promise<void> {
  const volume = model.volumes.find(volumeId);
  if (!volume) {
    checkNotForeign(model, volumeId);
    return;
  }
  const mounts = await model.mountIndex.confirmed(volumeId);
  if (mounts.length > 0) {
    const paths = mounts.map((mount) => mount.path).join(', ');
    throw new VolumeError('precondition', `volume ${quote(volumeId)} is still mounted at ${paths}`);
  }
  const pool = model.pools.of(volume);
  await pool.checkReachable();
  await model.onStep('delete: checked');
  await pool.records.remove(volumeId);
  model.volumes.remove(volume, pool.records.directoryNameOf(volumeId));
}

function checkNotForeign(model: Model, volumeId: string): void {
  const own = parseOwnId(volumeId);
  if (!own || model.pools.hasId(own.poolId)) return;
  throw new VolumeError(
    'precondition',
    `volume_id: ${quote(volumeId)} lies in a pool with the id ${own.poolId}, which is not one of this node's`,
  );
}
