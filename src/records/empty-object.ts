import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { syncFileSystem, withDescriptor } from '../kernel/calls/descriptor.ts';
import { removeTree } from '../kernel/trees/remove-tree.ts';

/**
 * Removes what is in an object's directory, except for its record: on a full disk, where the directory cannot be moved.
 * Whatever moment a crash comes at, the record tells what is left. Gives the space back before it returns.
 */
export async function emptyObject(directory: string, recordName: string): Promise<void> {
  const names = (await readdir(directory)).filter((name) => name !== recordName);
  for (const name of names) await removeTree(join(directory, name));
  await withDescriptor(directory, 'r', syncFileSystem);
}
