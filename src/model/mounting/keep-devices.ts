import { volumeOfFile } from '../find/mount-owner.ts';
import { isBlock } from '../objects/volume.ts';
import type { Model } from '../state/model.ts';

/**
 * Keeps the devices of block volumes that an earlier driver process staged, as if this process had staged them: at
 * start, and when a pool comes back. Until then a pod can detach its device.
 * @param onFailed called for each volume whose device could not be kept
 */
export async function keepDevices(
  model: Model,
  onFailed: (volumeId: string, error: unknown) => void,
): Promise<void> {
  for (const { file } of await model.devices.list()) {
    const volumeId = volumeOfFile(model, file)?.volumeId;
    const volume = volumeId === undefined ? undefined : model.volumes.findIntact(volumeId);
    if (!volume || !isBlock(volume.content)) continue;
    await model.devices.keepAttached(file).catch((error: unknown) => onFailed(volume.id, error));
  }
}
