import type { Model } from './model.ts';
import { volumeOfRoot } from './mount-owner.ts';
import { contentOf, existingVolume, isSame } from './staged-content.ts';

/**
 * Fills the mount index at start from the mounts there are. A mount is recognised by the path of its root, and a
 * mount of a volume's root confirmed by inode: another file system may have a path of the same name.
 * @returns how many mounts of volumes were found
 */
export async function findMounts(model: Model): Promise<number> {
  let found = 0;
  for (const { path, mountId, root } of await model.mounts.list()) {
    const owner = volumeOfRoot(model, root);
    if (!owner) continue;
    if (owner.isWhole && !(await isVolumeAt(model, owner.volumeId, path))) continue;
    const use = { kind: owner.isWhole ? 'found' : 'inside' } as const;
    model.mountIndex.add({ volumeId: owner.volumeId, path, mountId, use });
    found++;
  }
  return found;
}

// A volume whose data is gone, or a mount point under another mount, cannot be compared; it is kept, and
// confirmed like every other entry before anything is refused because of it.
async function isVolumeAt(model: Model, volumeId: string, path: string): Promise<boolean> {
  try {
    const { state: content } = await contentOf(model, existingVolume(model, volumeId));
    const state = await model.mounts.inspect(path);
    return state.kind !== 'mounted' || isSame(state.identity, content.identity);
  } catch {
    return true;
  }
}
