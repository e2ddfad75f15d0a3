import { lstat, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { isSubvolume } from '../kernel/btrfs.ts';
import { removeQgroup } from '../kernel/btrfs-quota.ts';
import { syncFileSystem, withDescriptor } from '../kernel/descriptor.ts';
import { removeSubvolumeTree } from '../kernel/remove-subvolume-tree.ts';
import { removeTree } from '../kernel/remove-tree.ts';

/**
 * Removes what is in an object's directory, except for its record: on a full disk, where the directory cannot be moved.
 * Whatever moment a crash comes at, the record tells what is left. Gives the space back before it returns.
 */
export async function emptyObject(directory: string, recordName: string): Promise<void> {
  const names = (await readdir(directory)).filter((name) => name !== recordName);
  for (const name of names) {
    const path = join(directory, name);
    if (!(await lstat(path)).isDirectory()) await removeTree(path);
    else await removeDirectory(directory, name);
  }
  await withDescriptor(directory, 'r', syncFileSystem);
}

/** A directory of content, or in a group that of a snapshot, with its content in it. */
async function removeDirectory(parent: string, name: string): Promise<void> {
  const path = join(parent, name);
  if (await withDescriptor(path, 'r', isSubvolume)) return removeSubvolume(parent, name);
  for (const entry of await readdir(path, { withFileTypes: true })) {
    if (entry.isDirectory() && (await withDescriptor(join(path, entry.name), 'r', isSubvolume))) {
      await removeSubvolume(path, entry.name);
    }
  }
  await removeTree(path);
}

function removeSubvolume(parent: string, name: string): Promise<void> {
  return withDescriptor(parent, 'r', async (fd) => {
    for (const id of await removeSubvolumeTree(fd, name)) await removeQgroup(fd, id);
  });
}
