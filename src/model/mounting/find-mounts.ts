import { listAttachedDevices, volumeOfFile, volumeOfMount } from '../find/mount-owner.ts';
import { isVolumeAt } from '../find/staged-content.ts';
import { isBlock } from '../objects/volume.ts';
import type { Parts } from '../parts.ts';

/**
 * Fills the mount index from the mount table: at start, and when a pool comes back. A mount is recognised by where
 * its root lies in the file system of the pool, or by its device, and then confirmed.
 * @returns how many mounts of volumes were found
 */
export async function findMounts(parts: Parts<'catalogue' | 'host'>): Promise<number> {
  const devices = await listAttachedDevices(parts.host);
  let found = 0;
  for (const mount of await parts.host.mounts.list()) {
    const { path, mountId } = mount;
    const owner = volumeOfMount(parts, mount, devices);
    if (!owner) continue;
    if (!(await isStillAt(parts, owner, path))) continue;
    found++;
    if (parts.host.mountIndex.at(path)?.mountId === mountId) continue;
    const use = { kind: owner.isWhole ? 'found' : 'inside' } as const;
    parts.host.mountIndex.add({ volumeId: owner.volumeId, path, mountId, use });
  }
  return found;
}

// If the data of a volume is gone, or another mount covers the mount point, nothing can be compared. The entry is
// kept, and confirmed like every other entry before a call is refused because of it.
async function isStillAt(
  parts: Parts<'catalogue' | 'host'>,
  { volumeId, isWhole }: { volumeId: string; isWhole: boolean },
  path: string,
): Promise<boolean> {
  try {
    const volume = parts.catalogue.volumes.findIntact(volumeId);
    // A directory in an image has its device, one in a directory another identity.
    if (!volume || !(isWhole || volume.content.backend === 'image')) return true;
    const state = await parts.host.paths.inspect(path);
    return state.kind !== 'mounted' || (await isVolumeAt(parts, volume, path, state));
  } catch {
    return true;
  }
}

/**
 * Keeps the devices of block volumes that an earlier driver process staged, as if this process had staged them: at
 * start, and when a pool comes back. Until then a pod can detach its device.
 * @param onFailed called for each volume whose device could not be kept
 */
export async function keepDevices(
  parts: Parts<'catalogue' | 'host'>,
  onFailed: (volumeId: string, error: unknown) => void,
): Promise<void> {
  for (const { file } of await parts.host.devices.list()) {
    const volumeId = volumeOfFile(parts.catalogue, file);
    const volume = volumeId === undefined ? undefined : parts.catalogue.volumes.findIntact(volumeId);
    if (!volume || !isBlock(volume.content)) continue;
    const image = parts.catalogue.dataOf(volume).path;
    await parts.host.devices.keepAttached(image).catch((error: unknown) => onFailed(volume.id, error));
  }
}
