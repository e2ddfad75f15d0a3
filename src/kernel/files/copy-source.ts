const marked = new WeakSet<Error>();

/**
 * Reads from the source of a copy and marks its errors: source and copy may lie on different disks, and the error number
 * alone does not say which one failed.
 */
export function fromSource<T>(read: () => T): T {
  try {
    return read();
  } catch (error) {
    throw markSourceError(error);
  }
}

/** Marks an error as one from reading the source, and returns it. */
export function markSourceError<E>(error: E): E {
  if (error instanceof Error) marked.add(error);
  return error;
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
