import type { Parts } from '../parts.ts';
import type { Pool } from '../ports/pool.ts';
import { type ContentCopy, isInstant } from './copy-content.ts';

/**
 * Makes an object with copies of content. Long copies run a few at a time, all of one object in one turn. A call that waits for
 * its turn takes up no place in its pools and has written nothing, and is given up with its last caller.
 * @throws VolumeError aborted: no turn has ended for a while, or no caller waits any more
 */
export async function inTurn<T>(
  { copying }: Parts<'copying'>,
  copies: readonly Pick<ContentCopy, 'source' | 'pool' | 'backend'>[],
  make: () => Promise<T>,
): Promise<T> {
  const long = copies.find((copy) => !isInstant(copy));
  if (!long) return make();
  const pools = new Set(copies.flatMap(({ source, pool }) => [source.pool, pool]));
  return copying.copies.inTurn(long.source.id, (wait) => waitOutside([...pools], wait), make);
}

function waitOutside([pool, ...others]: readonly Pool[], wait: Wait): Promise<void> {
  if (!pool) return wait();
  return pool.waitOutside(others.length === 0 ? wait : () => waitOutside(others, wait));
}

type Wait = (gone?: AbortSignal) => Promise<void>;
