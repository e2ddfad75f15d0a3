import { DiskError, quote, VolumeError } from '../errors.ts';
import type { Volume } from '../objects/volume.ts';
import { hasFileSystem } from './content-defects.ts';

/**
 * Awaits an operation in the file system of a mounted image.
 * @throws VolumeError precondition: it has shut itself down, and answers every call with an error
 */
export async function inFileSystem<T>(volume: Volume, work: Promise<T>): Promise<T> {
  try {
    return await work;
  } catch (error) {
    const isOfKernel = error instanceof Error && (error instanceof DiskError || 'errno' in error);
    if (!hasFileSystem(volume.content) || !isOfKernel) throw error;
    const message = `the file system of volume ${quote(volume.id)} answers with an error: ${error.message}; see the kernel's log, unstage the volume and stage it again`;
    throw new VolumeError('precondition', message, { cause: error });
  }
}
