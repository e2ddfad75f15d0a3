import { DiskError, prefixed, quote, revised } from '../errors.ts';
import type { Volume } from '../objects/volume.ts';

/**
 * Works where a volume is mounted, or on its content by a path. An error of its disk then says which volume and pool
 * it concerns.
 */
export async function namingPool<T>(
  { id, pool }: Pick<Volume, 'id' | 'pool'>,
  work: () => Promise<T>,
): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (!(error instanceof DiskError)) throw error;
    throw prefixed(`volume ${quote(id)} in pool ${quote(pool)}`, error);
  }
}

/** Makes content of the size that a request asks for: when a disk cannot hold a file so large, that is what is wrong. */
export async function ofThisSize<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (!(error instanceof DiskError) || error.kind !== 'out-of-range') throw error;
    throw revised(error, { about: 'requiredBytes' });
  }
}
