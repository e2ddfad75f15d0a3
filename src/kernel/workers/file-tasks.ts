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
export function copyFile(source: string, target: string, control: CopyTaskControl): Promise<CopyOutcome> {
  return runTask('copyFile', [source, target], taskControl(control));
}
