import { randomInt } from 'node:crypto';
import { withDescriptor } from '../../kernel/calls/descriptor.ts';
import { clearQuota, quotaOf } from '../../kernel/file-systems/project-quota.ts';
import { isUnused } from './project-data.ts';

// Ids that people and other tools do not pick by hand; the upper limit leaves room for tools that count down.
const FIRST_ID = 2 ** 20;
const LAST_ID = 2 ** 31;
const ATTEMPT_LIMIT = 100;

/**
 * The project ids of one file system. An id is free if neither this driver nor anything else on the file system uses it,
 * that is, it has no usage and no limit there.
 */
export class ProjectIds {
  private readonly taken = new Set<number>();
  /** Ids of removed volumes that still have usage. */
  private readonly kept = new Set<number>();
  private readonly candidate: () => number;

  /** @param candidate picks an id to try; a parameter so that a test can offer a used one */
  constructor(candidate = () => randomInt(FIRST_ID, LAST_ID)) {
    this.candidate = candidate;
  }

  /** Takes a free id. @param directory any directory on the file system */
  reserve(directory: string): Promise<number> {
    return withDescriptor(directory, 'r', async (fd) => {
      await this.releaseUnused(fd);
      for (let attempt = 1; attempt <= ATTEMPT_LIMIT; attempt++) {
        const id = this.candidate();
        if (this.taken.has(id)) continue;
        // Taken before the first await, so that two creates cannot both find it free.
        this.taken.add(id);
        if ((await quotaOf(fd, id)) === undefined) return id;
        this.taken.delete(id);
      }
      throw new Error(`no free project id for ${directory} found in ${ATTEMPT_LIMIT} attempts`);
    });
  }

  /** Remembers the id of a removed volume that still has usage. Its limit keeps the id from being given out. */
  keep(id: number): void {
    this.kept.add(id);
  }

  /** Removes the limits of kept ids that no longer have usage. @param fd any open file on the file system */
  async releaseUnused(fd: number): Promise<void> {
    for (const id of this.kept) {
      if (!isUnused(await quotaOf(fd, id))) continue;
      await clearQuota(fd, id);
      this.kept.delete(id);
    }
  }

  release(id: number): void {
    this.taken.delete(id);
  }
}
