import { devicesNow, volumeOfMount } from '../find/mount-owner.ts';
import { isVolumeAt } from '../find/staged-content.ts';
import type { Model } from '../state/model.ts';

/**
 * Fills the mount index from the mounts there are: at start, and when a pool comes back. A mount is recognised by where
 * its root lies in the file system of the pool, or by its device, and a mount of a whole volume confirmed.
 * @returns how many mounts of volumes were found
 */
export async function findMounts(model: Model): Promise<number> {
  const devices = await devicesNow(model);
  let found = 0;
  for (const mount of await model.mounts.list()) {
    const { path, mountId } = mount;
    const owner = volumeOfMount(model, mount, devices);
    if (!owner) continue;
    if (owner.isWhole && !(await isStillAt(model, owner.volumeId, path))) continue;
    found++;
    if (model.mountIndex.at(path)?.mountId === mountId) continue;
    const use = { kind: owner.isWhole ? 'found' : 'inside' } as const;
    model.mountIndex.add({ volumeId: owner.volumeId, path, mountId, use });
  }
  return found;
}

// A volume whose data is gone, or a mount point under another mount, cannot be compared; it is kept, and
// confirmed like every other entry before anything is refused because of it.
async function isStillAt(model: Model, volumeId: string, path: string): Promise<boolean> {
  try {
    const volume = model.volumes.findIntact(volumeId);
    const state = await model.mounts.inspect(path);
    return !volume || state.kind !== 'mounted' || (await isVolumeAt(model, volume, path, state));
  } catch {
    return true;
  }
}
