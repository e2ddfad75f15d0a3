import type { FileOperation } from '../files/file-operations.ts';
import { runTask } from './workers.ts';

/**
 * Performs operations in order, as one task, up to the first that fails.
 * @throws OperationError, caused by a KernelError
 */
export function performOperations(operations: readonly FileOperation[]): Promise<void> {
  return runTask('performOperations', operations);
}

/** As `removeTree` in `trees/`, as a task. @throws as it does */
export function removeTree(path: string): Promise<void> {
  return runTask('removeTree', path);
}
