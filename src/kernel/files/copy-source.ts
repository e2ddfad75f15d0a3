import { closeSync, open } from 'node:fs';
import { promisify } from 'node:util';

const openAsync = promisify(open);

const marked = new WeakSet<Error>();

/**
 * Reads from what is copied. Its errors are marked as such: the original and its copy may lie on different disks, and
 * the number alone does not say which of them has failed.
 */
export async function fromSource<T>(read: () => T | Promise<T>): Promise<T> {
  try {
    return await read();
  } catch (error) {
    throw asOfSource(error);
  }
}

/** Marks an error as one of reading what is copied, and answers it. */
export function asOfSource(error: unknown): unknown {
  if (error instanceof Error) marked.add(error);
  return error;
}

/** Opens a file that is copied, lends its descriptor to `use` and closes it, whatever happens. */
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

/** Whether it was reading the original that failed, and not writing the copy. */
export function isOfSource(error: unknown): boolean {
  return error instanceof Error && marked.has(error);
}
