import { volumeOfFile } from '../find/mount-owner.ts';
import { isBlock } from '../objects/volume.ts';
import type { Model } from '../state/model.ts';

/**
 * Keeps the devices of the block volumes that a driver before this one has staged, as if this one had: at start, and when a
 * pool comes back. Until then a pod can detach its device.
 * @param onFailed is told of those that are not kept
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
