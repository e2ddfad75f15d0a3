import { devicesNow, volumeOfMount } from '../find/mount-owner.ts';
import { isVolumeAt } from '../find/staged-content.ts';
import type { Model } from '../state/model.ts';

/**
 * Fills the mount index from the mount table: at start, and when a pool comes back. A mount is recognised by where
 * its root lies in the file system of the pool, or by its device; a mount of a whole volume is also confirmed.
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

// If the data of a volume is gone, or another mount covers the mount point, nothing can be compared. The entry is
// kept, and confirmed like every other entry before a call is refused because of it.
async function isStillAt(model: Model, volumeId: string, path: string): Promise<boolean> {
  try {
    const volume = model.volumes.findIntact(volumeId);
    const state = await model.mounts.inspect(path);
    return !volume || state.kind !== 'mounted' || (await isVolumeAt(model, volume, path, state));
  } catch {
    return true;
  }
}
