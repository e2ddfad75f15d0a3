import type { FileSystemState } from '../file-systems/file-system-state.ts';
import type { ImageContents } from '../file-systems/superblock.ts';
import type { CopyOutcome } from '../files/copy-file.ts';
import type { FileOperation } from '../files/file-operations.ts';
import { type CopyTaskControl, taskControl } from './copy-task-control.ts';
import { runTask } from './workers.ts';

/**
 * Performs operations in order, as one task, up to the first that fails.
 * @throws OperationError, caused by a KernelError
 */
export function performOperations(operations: readonly FileOperation[]): Promise<void> {
  return runTask('performOperations', [operations]);
}

/** As `copyFile` in `files/`, as a task. @throws as it does; the signal's reason */
export function copyFile(
  source: string,
  target: string,
  control: CopyTaskControl,
  minBytes = 0n,
): Promise<CopyOutcome> {
  return runTask('copyFile', [source, target, minBytes], taskControl(control));
}

// The functions of the same names in `file-systems/`, for the path of an image or its device, as tasks. They read several times.

export function fileSystemOn(image: string): Promise<ImageContents> {
  return runTask('fileSystemOn', [image]);
}

export function fileSystemState(image: string): Promise<FileSystemState | undefined> {
  return runTask('fileSystemState', [image]);
}

export function mountRefusalReason(image: string): Promise<string | undefined> {
  return runTask('mountRefusalReason', [image]);
}
