import { type ProjectLimits, quotaOf, setQuota } from '../../kernel/file-systems/project-quota.ts';
import { quote } from '../../model/errors.ts';
import type { Volume } from '../../model/objects/volume.ts';
import { hasLimits } from './project-data.ts';

const BYTES_PER_INODE = 4096n;
const MIN_INODES = 4096n;

/** Sets the limits of a volume's project and reads them back: some kernels accept limits that they do not store. */
export async function setLimits(fd: number, volume: Volume): Promise<void> {
  const projectId = projectIdOf(volume);
  const limits = limitsOf(volume);
  await setQuota(fd, projectId, limits);
  const read = await quotaOf(fd, projectId);
  if (hasLimits(read, limits)) return;
  const wanted = `${limits.limitBytes} bytes and ${limits.limitInodes} inodes`;
  throw new Error(
    `the limits of project ${projectId} are ${read?.limitBytes} bytes and ${read?.limitInodes} inodes after setting ${wanted}`,
  );
}

export function limitsOf({ capacityBytes, mutable }: Volume): ProjectLimits {
  const bySize = capacityBytes / BYTES_PER_INODE;
  const limitInodes = mutable.inodeLimit ?? (bySize < MIN_INODES ? MIN_INODES : bySize);
  return { limitBytes: capacityBytes, limitInodes };
}

export function projectIdOf({ id, content }: Volume): number {
  if (content.backend !== 'quota') throw new Error(`volume ${quote(id)} has no project`);
  return content.projectId;
}
