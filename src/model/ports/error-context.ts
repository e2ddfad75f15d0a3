import { DiskError, prefixed, quote, type VolumeErrorKind, withErrorChanges } from '../errors.ts';
import type { Volume } from '../objects/volume.ts';

/**
 * Runs `work` on a mounted volume, or on its content by a path. If its disk fails, the error names the volume and the pool.
 */
export async function withPoolInErrors<T>(
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
export async function withSizeErrors<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (!(error instanceof DiskError) || error.kind !== 'out-of-range') throw error;
    throw withErrorChanges(error, { about: 'requiredBytes' });
  }
}

/** The error kind for each fault of a disk; the same for the disk of a pool and for that of a path. */
export const faultKinds = {
  full: 'exhausted',
  overQuota: 'exhausted',
  readOnly: 'unavailable',
  damaged: 'unavailable',
  failing: 'unavailable',
  fileTooLarge: 'out-of-range',
  tooManyFilesOpen: 'unavailable',
  noMemory: 'unavailable',
} as const satisfies Record<string, VolumeErrorKind>;
