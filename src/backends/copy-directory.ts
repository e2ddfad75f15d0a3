import { mkdir } from 'node:fs/promises';
import { TreeObstacleError } from '../kernel/files/copy-source.ts';
import { copyTree, treeBytes } from '../kernel/workers/tree-tasks.ts';
import { quote, VolumeError } from '../model/errors.ts';
import type { CopyControl, CopySource } from '../model/ports/ports.ts';

/**
 * Copies a tree into an empty directory, which is made unless it exists, durably.
 * @throws VolumeError precondition: something in the tree prevents copying it
 */
export async function copyDirectory(source: CopySource, target: string, control: CopyControl): Promise<void> {
  if ('write' in source) {
    await mkdir(target, { mode: 0o700, recursive: true });
    await source.write(target, control);
  } else {
    await withTreeErrors(source.path, copyTree(source.path, target, control));
  }
}

/** The bytes that a copy of a tree takes. @throws VolumeError precondition: something in the tree prevents measuring it */
export function directoryBytes(path: string, signal: AbortSignal): Promise<bigint> {
  return withTreeErrors(path, treeBytes(path, signal));
}

async function withTreeErrors<T>(path: string, work: Promise<T>): Promise<T> {
  try {
    return await work;
  } catch (error) {
    if (!(error instanceof TreeObstacleError)) throw error;
    const message = `cannot copy ${quote(path)}: ${error.message}`;
    throw new VolumeError('precondition', message, { cause: error });
  }
}
