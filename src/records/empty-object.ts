import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { syncFileSystem, withDescriptor } from '../kernel/calls/descriptor.ts';
import { removeTree } from '../kernel/trees/remove-tree.ts';

/**
 * Removes the contents of an object's directory except its record: for a full disk, where the directory cannot be
 * moved. After a crash at any point, the record describes what is left. The space is free when this returns.
 */
export async function emptyObject(directory: string, recordName: string): Promise<void> {
  const names = (await readdir(directory)).filter((name) => name !== recordName);
  for (const name of names) await removeTree(join(directory, name));
  await withDescriptor(directory, 'r', syncFileSystem);
}
