import { diskFaultOf } from '../kernel/calls/disk-fault.ts';
import { DiskError, quote, VolumeError } from '../model/errors.ts';
import { faultKinds } from '../model/ports/disk-fault-kinds.ts';

/**
 * What an error of a pool's disk means to the caller. An error that is not the disk's comes back as it is.
 * @param pool its name
 * @param path where it is, for the message, when that helps
 */
export function storageError(error: unknown, pool: string, path?: string): unknown {
  const fault = error instanceof VolumeError ? undefined : diskFaultOf(error);
  if (!fault) return error;
  const subject = `pool ${quote(pool)}${path === undefined ? '' : ` at ${path}`}`;
  return new DiskError(faultKinds[fault.kind], `${subject} ${fault.sentence}`, { cause: error });
}

/** Does something on the disk of a pool. @throws DiskError naming the pool, for what its disk answers */
export async function onDiskOf<T>(pool: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    throw storageError(error, pool);
  }
}
