import { DiskError, VolumeError } from '../errors.ts';
import { type Finding, finding, type Place } from '../objects/finding.ts';

/**
 * Runs `look`, and turns errors that prevent it into findings: a pool that has disappeared in the meantime, a disk
 * that answers with errors.
 * @param subject the examined object, for the message
 * @param where for a check of one of several paths
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

/** Whether the kernel returned the error. The error number makes no difference here. */
function isSystemError(error: unknown): error is Error {
  return error instanceof Error && 'errno' in error && typeof error.errno === 'number';
}
