import { constants } from 'node:fs';
import { withDescriptor } from '../../kernel/calls/descriptor.ts';
import { below, withPath } from '../../kernel/calls/path-handle.ts';
import { isQuotaEnforced, quotaOf } from '../../kernel/file-systems/project-quota.ts';
import { gatherProject } from '../../kernel/workers/tree-tasks.ts';
import { quote, VolumeError } from '../../model/errors.ts';
import type { Volume } from '../../model/objects/volume.ts';
import { checkFits } from '../../model/requests/capacity.ts';
import { limitsOf, projectIdOf } from './project-limits.ts';
import { quotasOffError } from './quota-faults.ts';

const READ_DIRECTORY = constants.O_RDONLY | constants.O_DIRECTORY;

/**
 * Puts everything in a directory into the project of a volume, whatever project it was in. The project has no limit yet, so
 * that nothing holds back who uses the directory if it is not moved after all.
 * @throws VolumeError precondition: quotas are off, or files cannot be put into it; out-of-range: they do not fit
 */
export async function chargeToProject(path: string, volume: Volume, signal: AbortSignal): Promise<void> {
  const projectId = projectIdOf(volume);
  await withPath(path, (handle) =>
    withDescriptor(below(handle), READ_DIRECTORY, async (fd) => {
      if (!(await isQuotaEnforced(fd))) throw await quotasOffError(fd, volume);
      const everything = { projectId, otherProjects: new Set<number>(), isExclusive: true };
      const { failures } = await gatherProject(path, everything, signal);
      if (failures > 0) throw notChargedError(path, failures);
      const { usedBytes = 0n, usedInodes = 0n } = (await quotaOf(fd, projectId)) ?? {};
      checkFits(usedBytes, volume.capacityBytes);
      checkInodes(path, volume, usedInodes);
    }),
  );
}

/** A limit below what is there would let nothing be made any more. */
function checkInodes(path: string, volume: Volume, usedInodes: bigint): void {
  const { limitInodes = usedInodes } = limitsOf(volume);
  if (usedInodes <= limitInodes) return;
  const message = `${quote(path)} has ${usedInodes} files and directories, and a volume of ${volume.capacityBytes} bytes may have ${limitInodes}; give it a larger size`;
  throw new VolumeError('out-of-range', message);
}

function notChargedError(path: string, failures: number): VolumeError {
  const files = failures === 1 ? '1 file' : `${failures} files`;
  const message = `${files} in ${quote(path)} cannot be counted against a quota: immutable (chattr +i), leased, or encrypted without a key on the node`;
  return new VolumeError('precondition', message);
}
