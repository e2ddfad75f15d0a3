import { opendir } from 'node:fs/promises';
import { below } from '../../kernel/calls/path-handle.ts';
import {
  isQuotaEnforced,
  type ProjectLimits,
  type ProjectQuota,
  projectOf,
  quotaOf,
  setProject,
} from '../../kernel/file-systems/project-quota.ts';

// Limits are kept in whole blocks.
const LARGEST_BLOCK_BYTES = 4096n;

/** What limits the size of a volume's data, as it is on disk now. */
export type DataProject =
  /** The disk does not count projects, or counts them without enforcing limits. */
  | { readonly kind: 'quotas-off' }
  /** The data is in its project, which may have limits. */
  | { readonly kind: 'inside'; readonly quota: ProjectQuota | undefined }
  /**
   * The data is not in its record's project: after a manual restore (rsync, cp -a) it is in none, or in the project of the
   * surrounding directory. The project's usage is then something else.
   */
  | { readonly kind: 'outside'; readonly quota: ProjectQuota | undefined };

/** Determines the project of a volume's data. @param fd the volume's data */
export async function dataProject(fd: number, projectId: number): Promise<DataProject> {
  if (!(await isQuotaEnforced(fd))) return { kind: 'quotas-off' };
  const { projectId: found, inherits } = projectOf(fd);
  return {
    kind: found === projectId && inherits ? 'inside' : 'outside',
    quota: await quotaOf(fd, projectId),
  };
}

/** Whether a project has no usage. */
export function isUnused(quota: ProjectQuota | undefined): boolean {
  return quota === undefined || (quota.usedBytes === 0n && quota.usedInodes === 0n);
}

/** Whether a project has these limits, as rounded by the file system. */
export function hasLimits(
  quota: ProjectQuota | undefined,
  { limitBytes, limitInodes }: ProjectLimits,
): boolean {
  if (quota?.limitBytes === undefined || limitBytes === undefined) return false;
  const excess = quota.limitBytes - limitBytes;
  return excess >= 0n && excess < LARGEST_BLOCK_BYTES && quota.limitInodes === limitInodes;
}

/**
 * Puts data into its project if it is empty: existing entries would stay uncounted.
 * @returns whether it is in the project now
 */
export async function assignIfEmpty(fd: number, projectId: number): Promise<boolean> {
  const entries = await opendir(below(fd));
  try {
    if ((await entries.read()) !== null) return false;
  } finally {
    await entries.close();
  }
  await setProject(fd, projectId);
  return true;
}
