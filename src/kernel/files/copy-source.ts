import { closeSync, open } from 'node:fs';
import { promisify } from 'node:util';

const openAsync = promisify(open);

const marked = new WeakSet<Error>();

/**
 * Reads from the source of a copy and marks its errors: source and copy may lie on different disks, and the error number
 * alone does not say which one failed.
 */
export async function fromSource<T>(read: () => T | Promise<T>): Promise<T> {
  try {
    return await read();
  } catch (error) {
    throw markSourceError(error);
  }
}

/** Marks an error as one from reading the source, and returns it. */
export function markSourceError(error: unknown): unknown {
  if (error instanceof Error) marked.add(error);
  return error;
}

/** Opens a source file, passes its descriptor to `use` and always closes it. */
export async function withSource<T>(
  path: string,
  flags: number,
  use: (fd: number) => Promise<T>,
): Promise<T> {
  const fd = await fromSource(() => openAsync(path, flags));
  try {
    return await use(fd);
  } finally {
    closeSync(fd);
  }
}

/** Whether reading the source failed, rather than writing the copy. */
export function isSourceError(error: unknown): boolean {
  return error instanceof Error && marked.has(error);
}

/**
 * Something in a tree prevents copying or measuring it. The tree's users made it and can undo it; the message is a
 * sentence for them.
 */
export class TreeObstacleError extends Error {
  constructor(message: string) {
    super(message);
    this.name = 'TreeObstacle';
  }
}
