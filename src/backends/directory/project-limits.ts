import { type ProjectLimits, quotaOf, setQuota } from '../../kernel/file-systems/project-quota.ts';
import { quote } from '../../model/errors.ts';
import type { Volume } from '../../model/objects/volume.ts';
import { hasLimits } from './project-data.ts';

const BYTES_FOR_EACH_INODE = 4096n;
const LEAST_INODES = 4096n;

/** Sets the limits of a volume's project and reads them back: some kernels accept limits that they do not store. */
export async function setLimits(fd: number, volume: Volume): Promise<void> {
  const projectId = projectIdOf(volume);
  const limits = limitsOf(volume);
  await setQuota(fd, projectId, limits);
  const read = await quotaOf(fd, projectId);
  if (hasLimits(read, limits)) return;
  const wanted = `${limits.limitBytes} bytes and ${limits.limitInodes} inodes`;
  throw new Error(
    `the limits of project ${projectId} read ${read?.limitBytes} and ${read?.limitInodes} after ${wanted} were set`,
  );
}

export function limitsOf({ capacityBytes, mutable }: Volume): ProjectLimits {
  const bySize = capacityBytes / BYTES_FOR_EACH_INODE;
  const limitInodes = mutable.inodeLimit ?? (bySize < LEAST_INODES ? LEAST_INODES : bySize);
  return { limitBytes: capacityBytes, limitInodes };
}

export function projectIdOf({ id, content }: Volume): number {
  if (content.backend !== 'quota') throw new Error(`volume ${quote(id)} has no project`);
  return content.projectId;
}
