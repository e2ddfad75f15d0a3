import { copyTree } from '../kernel/copy-tree.ts';
import { syncFileSystem, withDescriptor } from '../kernel/descriptor.ts';
import { VolumeError } from '../volume/errors.ts';
import type { CopyControl, Original } from '../volume/ports.ts';

/** Copies a tree into an empty directory, and makes it durable: one sync, because one for each file takes far longer. */
export async function copyDirectory(original: Original, target: string, control: CopyControl): Promise<void> {
  await copyTree(original.path, target, control);
  await withDescriptor(target, 'r', syncFileSystem);
}

/**
 * Checks a copy against the size of its volume. A volume that is held to its size may take up a little more once it is
 * copied, for other metadata; one that was not may hold any amount.
 * @throws VolumeError out-of-range
 */
export function checkFits(usedBytes: bigint, capacityBytes: bigint): void {
  if (usedBytes <= capacityBytes + capacityBytes / 64n + MORE_METADATA_BYTES) return;
  const message = `capacity_range.required_bytes: ${capacityBytes} bytes cannot hold the content source, which has ${usedBytes}`;
  throw new VolumeError('out-of-range', message);
}

const MORE_METADATA_BYTES = 1024n ** 2n;
