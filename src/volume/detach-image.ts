import { quote, VolumeError } from './errors.ts';
import type { Model } from './model.ts';
import { volumeOfFile } from './mount-owner.ts';
import { isBlock } from './volume.ts';
import { directoryNameOf } from './volume-id.ts';

/**
 * Detaches the image of a volume that is not staged any more. The device of a mounted image goes with its last
 * mount, which may be in another mount namespace; that of a block volume is detached here.
 * @throws VolumeError precondition: a process still has the block device open
 */
export async function detachImage(model: Model, volumeId: string): Promise<void> {
  const volume = model.volumes.findIntact(volumeId);
  if (volume && !isBlock(volume.content)) return;
  for (const { file, path } of await model.devices.list()) {
    // A volume whose record is gone is still known by the name of its directory.
    if (volumeOfFile(model, file)?.directoryName !== directoryNameOf(volumeId)) continue;
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
