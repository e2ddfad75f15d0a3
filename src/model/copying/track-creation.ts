import type { Parts } from '../parts.ts';

/**
 * Creates an object that may include copies: from before it is on the disk until it is in the catalogue. The space that
 * its copies share stays reserved until then.
 */
export function creating<T>(
  { copying, holds }: Parts<'copying' | 'holds'>,
  id: string,
  make: () => Promise<T>,
): Promise<T> {
  return holds.creating.during(id, async () => {
    try {
      return await make();
    } finally {
      copying.sharing.end(id);
    }
  });
}

/**
 * Stops the copies of an object that is being created. Resolves when no work on the object is left: then it does not
 * exist, or was complete already.
 */
export async function cancelCreation(
  { copying, holds }: Parts<'copying' | 'holds'>,
  id: string,
): Promise<void> {
  await copying.copies.cancel(id);
  await holds.creating.settled(id);
}
