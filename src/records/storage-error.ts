import { diskFaultOf } from '../kernel/calls/disk-fault.ts';
import { DiskError, quote, VolumeError } from '../model/errors.ts';
import { faultKinds } from '../model/ports/error-context.ts';

/**
 * Converts an error of a pool's disk into one for the caller. Other errors are returned unchanged.
 * @param pool the pool's name
 * @param path its path, if it helps in the message
 */
export function storageError(error: unknown, pool: string, path?: string): unknown {
  const fault = error instanceof VolumeError ? undefined : diskFaultOf(error);
  if (!fault) return error;
  const subject = `pool ${quote(pool)}${path === undefined ? '' : ` at ${path}`}`;
  return new DiskError(faultKinds[fault.kind], `${subject} ${fault.sentence}`, { cause: error });
}

/**
 * Does something on the disk of a pool.
 * @throws DiskError naming the pool, if the disk reports an error
 */
export async function withStorageErrors<T>(pool: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    throw storageError(error, pool);
  }
}
