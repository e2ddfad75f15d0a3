import { clearQuota, projectOf, quotaOf } from '../../kernel/file-systems/project-quota.ts';
import type { GatheredProject } from '../../kernel/trees/gather-project.ts';
import { gatherProject } from '../../kernel/workers/tree-tasks.ts';
import type { Recount, RecountControl } from '../../model/ports/ports.ts';
import { dataOf } from '../volume-root.ts';

/** The project of a volume whose files are recounted. */
export interface RecountedProject {
  readonly projectId: number;
  /** Sets its limits again. */
  setLimits(): Promise<void>;
}

/**
 * Checks each file of a volume's data, returns files that are in other projects to the volume's project, and compares the
 * project's count with the files found.
 * @param fd the data, open
 * @throws the signal's reason
 */
export async function recountData(
  fd: number,
  directory: string,
  { signal, otherProjects }: RecountControl,
  { projectId, setLimits }: RecountedProject,
): Promise<Recount> {
  const inodesBefore = await usedInodes(fd, projectId);
  // Manually restored data and all its files are in no project, and stay so. If some files are in the volume's project,
  // the volume's user has moved the others out.
  let isInside = projectOf(fd).projectId === projectId;
  let found = await gather();
  if (!isInside && found.hadAny) {
    isInside = true;
    found = combine(found, await gather());
  }
  // Files made or removed during the recount must not look like files from outside the volume.
  const inodesAfter = await usedInodes(fd, projectId);
  const returned = [...found.reclaimed.values()].reduce((sum, count) => sum + count, 0);
  const minInodes = Math.min(inodesBefore + returned, inodesAfter);
  return {
    reclaimed: found.reclaimed,
    failures: found.failures,
    unaccounted: isInside ? Math.max(0, minInodes - found.inodes) : 0,
  };

  async function gather(): Promise<GatheredProject> {
    const gatherOnce = () =>
      gatherProject(dataOf(directory), { projectId, otherProjects, isExclusive: isInside }, signal);
    const first = await gatherOnce();
    if (!first.isFull) return first;
    // Without CAP_SYS_RESOURCE, ext4 does not let a process move a file into a full project.
    await clearQuota(fd, projectId);
    try {
      return combine(first, await gatherOnce());
    } finally {
      await setLimits();
    }
  }
}

/** The combined results of two successive passes over one tree. */
function combine(first: GatheredProject, second: GatheredProject): GatheredProject {
  const reclaimed = new Map(first.reclaimed);
  for (const [id, count] of second.reclaimed) reclaimed.set(id, (reclaimed.get(id) ?? 0) + count);
  return { ...second, hadAny: first.hadAny, reclaimed };
}

async function usedInodes(fd: number, projectId: number): Promise<number> {
  return Number((await quotaOf(fd, projectId))?.usedInodes ?? 0n);
}
