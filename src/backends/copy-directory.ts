import { copyTree } from '../kernel/copy-tree.ts';
import { syncFileSystem, withDescriptor } from '../kernel/descriptor.ts';
import type { CopyControl, Original } from '../volume/ports.ts';

/** Copies a tree into an empty directory, and makes it durable: one sync, because one for each file takes far longer. */
export async function copyDirectory(original: Original, target: string, control: CopyControl): Promise<void> {
  await copyTree(original.path, target, control);
  await withDescriptor(target, 'r', syncFileSystem);
}
