import { DiskError, VolumeError } from '../errors.ts';
import { type Finding, finding, type Place } from '../objects/finding.ts';

/**
 * Looks, and tells as findings what keeps anybody from looking: a pool that has gone meanwhile, a disk that answers with
 * errors.
 * @param subject what is looked at, for the message
 * @param where for a look at one of several paths
 */
export async function orUnreadable(
  subject: string,
  look: () => Promise<readonly Finding[]>,
  where?: Place,
): Promise<readonly Finding[]> {
  try {
    return await look();
  } catch (error) {
    if (!(error instanceof DiskError) && error instanceof VolumeError && error.kind === 'unavailable')
      return [finding('PoolUnreachable', error.message)];
    if (error instanceof DiskError || isSystemError(error))
      return [finding('DiskError', `${subject} cannot be looked at: ${error.message}`, where)];
    throw error;
  }
}

/** Whether it was the kernel that refused. Which error it was makes no difference here. */
function isSystemError(error: unknown): error is Error {
  return error instanceof Error && 'errno' in error && typeof error.errno === 'number';
}
