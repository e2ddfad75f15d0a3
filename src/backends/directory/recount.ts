import { clearQuota, projectOf, quotaOf } from '../../kernel/file-systems/project-quota.ts';
import { type GatheredProject, gatherProject } from '../../kernel/trees/gather-project.ts';
import type { Recount, RecountControl } from '../../model/ports/ports.ts';
import { dataOf } from '../volume-root.ts';

/** The project of a volume whose files are looked at. */
export interface RecountedProject {
  readonly projectId: number;
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
  { projectId, setLimits }: RecountedProject,
): Promise<Recount> {
  const inodesBefore = await usedInodes(fd, projectId);
  // Data that was restored by hand is in no project, nor is any file of it, and stays so. Where some are in their project, their
  // owner has taken the others out.
  let isInside = projectOf(fd).projectId === projectId;
  let found = await gather();
  if (!isInside && found.hadAny) {
    isInside = true;
    found = added(found, await gather());
  }
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

/** What two looks at one tree have found, one after the other. */
function added(first: GatheredProject, second: GatheredProject): GatheredProject {
  const takenBack = new Map(first.takenBack);
  for (const [id, count] of second.takenBack) takenBack.set(id, (takenBack.get(id) ?? 0) + count);
  return { ...second, takenBack };
}

async function usedInodes(fd: number, projectId: number): Promise<number> {
  return Number((await quotaOf(fd, projectId))?.usedInodes ?? 0n);
}
