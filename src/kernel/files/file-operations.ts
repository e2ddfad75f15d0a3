import {
  closeSync,
  constants,
  fchmodSync,
  fchownSync,
  fsyncSync,
  mkdirSync,
  openSync,
  renameSync,
  writeSync,
} from 'node:fs';
import { checkWritableSync } from './check-writable.ts';

const READ_ONLY = constants.O_RDONLY | constants.O_NOFOLLOW;

/** One change to the files of a pool. Paths are absolute. */
export type FileOperation =
  | { readonly kind: 'make-directory'; readonly path: string; readonly mode: number }
  | { readonly kind: 'write-new-file'; readonly path: string; readonly text: string; readonly mode: number }
  /** Sets the owner and mode of a directory, durably. */
  | { readonly kind: 'set-owner'; readonly path: string; readonly owner: DirectoryOwner }
  /** Waits until a file, or the entries of a directory, are on disk. */
  | { readonly kind: 'sync'; readonly path: string }
  /** Makes sure that syncs before it were true: `checkWritable`. */
  | { readonly kind: 'check-writable'; readonly path: string }
  | { readonly kind: 'rename'; readonly from: string; readonly to: string };

export interface DirectoryOwner {
  readonly uid: number;
  readonly gid: number;
  readonly mode: number;
}

/** One of several operations failed: those before it are done, those after it were not begun. */
export class OperationError extends Error {
  override readonly name = 'OperationError';
  readonly index: number;

  constructor(index: number, cause: unknown) {
    super(`operation ${index} failed`, { cause });
    this.index = index;
  }
}

/**
 * Performs operations in order, on this thread, up to the first that fails.
 * @throws OperationError, caused by a node:fs error
 */
export function performOperations(operations: readonly FileOperation[]): void {
  for (const [index, operation] of operations.entries()) {
    try {
      perform(operation);
    } catch (error) {
      throw new OperationError(index, error);
    }
  }
}

function perform(operation: FileOperation): void {
  switch (operation.kind) {
    case 'make-directory':
      mkdirSync(operation.path, { mode: operation.mode });
      return;
    case 'write-new-file':
      withOpenFile(operation.path, 'wx', (fd) => writeAll(fd, operation.text), operation.mode);
      return;
    case 'set-owner':
      // Opened first: the mode may allow only root to open it.
      withOpenFile(operation.path, READ_ONLY, (fd) => setOwner(fd, operation.owner));
      return;
    case 'sync':
      withOpenFile(operation.path, READ_ONLY, fsyncSync);
      return;
    case 'check-writable':
      checkWritableSync(operation.path);
      return;
    case 'rename':
      renameSync(operation.from, operation.to);
  }
}

function setOwner(fd: number, { uid, gid, mode }: DirectoryOwner): void {
  // In this order, because changing the owner clears the set-id bits.
  fchownSync(fd, uid, gid);
  fchmodSync(fd, mode);
  fsyncSync(fd);
}

function withOpenFile(path: string, flags: string | number, use: (fd: number) => void, mode?: number): void {
  const fd = openSync(path, flags, mode);
  try {
    use(fd);
  } finally {
    closeSync(fd);
  }
}

function writeAll(fd: number, text: string): void {
  let rest = Buffer.from(text);
  while (rest.length > 0) rest = rest.subarray(writeSync(fd, rest));
}
