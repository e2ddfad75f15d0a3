import { type GatheredProject, gatherProject } from '../../kernel/gather-project.ts';
import { clearQuota, quotaOf } from '../../kernel/project-quota.ts';
import type { Recount, RecountControl } from '../../volume/ports.ts';
import { dataOf } from '../volume-root.ts';

/** The project of a volume whose files are looked at. */
export interface RecountedProject {
  readonly projectId: number;
  /** Whether the data as a whole is in it. Restored by hand it may not be, and is then left so. */
  readonly isInside: boolean;
  /** Sets its limits anew. */
  setLimits(): Promise<void>;
}

/**
 * Looks at each file of a volume's data, gives its project back what is in another, and compares what the project counts
 * with what there is.
 * @param fd the data, open
 * @throws the signal's reason
 */
export async function recountData(
  fd: number,
  directory: string,
  { signal, isOthers }: RecountControl,
  { projectId, isInside, setLimits }: RecountedProject,
): Promise<Recount> {
  const inodesBefore = await usedInodes(fd, projectId);
  const found = await gather();
  // What is made or removed meanwhile must not look like the files of others.
  const inodesAfter = await usedInodes(fd, projectId);
  const returned = [...found.takenBack.values()].reduce((sum, count) => sum + count, 0);
  const least = Math.min(inodesBefore + returned, inodesAfter);
  return {
    takenBack: found.takenBack,
    failures: found.failures,
    unaccounted: isInside ? Math.max(0, least - found.inodes) : 0,
  };

  async function gather(): Promise<GatheredProject> {
    let isLifted = false;
    const makeRoom = async () => {
      // ext4 takes no file into a full project from a process without CAP_SYS_RESOURCE.
      if (!isLifted) await clearQuota(fd, projectId);
      isLifted = true;
    };
    const isStray = (found: number) => isOthers(found) || isInside;
    try {
      return await gatherProject(dataOf(directory), { projectId, isStray, makeRoom, signal });
    } finally {
      if (isLifted) await setLimits();
    }
  }
}

async function usedInodes(fd: number, projectId: number): Promise<number> {
  return Number((await quotaOf(fd, projectId))?.usedInodes ?? 0n);
}
