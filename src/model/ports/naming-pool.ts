import { DiskError, prefixed, quote, revised } from '../errors.ts';
import type { Volume } from '../objects/volume.ts';

/**
 * Runs `work` on a mounted volume, or on its content by a path. If its disk fails, the error names the volume and the pool.
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

/**
 * Runs `work` that creates content of the requested size: if the disk cannot hold a file that large, the error is
 * about the requested size.
 */
export async function ofThisSize<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (!(error instanceof DiskError) || error.kind !== 'out-of-range') throw error;
    throw revised(error, { about: 'requiredBytes' });
  }
}
