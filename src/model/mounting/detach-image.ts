import { quote, VolumeError } from '../errors.ts';
import { volumeOfFile } from '../find/mount-owner.ts';
import { imageOf } from '../find/staged-content.ts';
import { directoryNameOf } from '../objects/object-id.ts';
import { isBlock, type Volume } from '../objects/volume.ts';
import type { AttachedFile } from '../ports/devices-port.ts';
import type { Model } from '../state/model.ts';

/**
 * Detaches the image of a volume that is no longer staged. The kernel detaches the device of a mounted image with its
 * last mount, which may be in another mount namespace; this function detaches the device of a block volume.
 * @throws VolumeError precondition: a process still has the block device open
 */
export async function detachImage(model: Model, volumeId: string): Promise<void> {
  const volume = model.volumes.findIntact(volumeId);
  if (volume && !isBlock(volume.content)) return;
  for (const { file, path } of await attachedImages(model, volumeId, volume)) {
    const targets = await model.mountIndex.confirmed(volumeId);
    const [target] = targets;
    if (target) {
      const message = `volume ${quote(volumeId)} is still published at ${quote(target.path)}`;
      throw new VolumeError('precondition', message);
    }
    if (!(await model.devices.detach(file))) {
      const message = `volume ${quote(volumeId)} is still in use: a process has its device ${path} open`;
      throw new VolumeError('precondition', message);
    }
  }
  await model.onStep('unstage: detached');
}

async function attachedImages(
  model: Model,
  volumeId: string,
  volume: Volume | undefined,
): Promise<Pick<AttachedFile, 'path' | 'file'>[]> {
  const attached = await model.devices.list();
  // Without a record, the volume is still recognised by the name of its directory.
  const found = attached.filter(
    ({ file }) => volumeOfFile(model, file)?.directoryName === directoryNameOf(volumeId),
  );
  if (found.length > 0 || !volume) return found;
  // If the disk of the pool was removed and mounted again, the list shows another path than the file has now.
  const file = await reachableImage(model, volume);
  const device = file === undefined ? undefined : await model.devices.find(file);
  return file === undefined || !device ? [] : [{ ...device, file }];
}

/** The image file of a volume; undefined if it cannot be reached. */
async function reachableImage(model: Model, volume: Volume): Promise<string | undefined> {
  try {
    await model.pools.of(volume).checkReachable();
    return await imageOf(model, volume);
  } catch (error) {
    if (error instanceof VolumeError) return undefined;
    throw error;
  }
}
