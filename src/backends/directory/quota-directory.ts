import { mkdir } from 'node:fs/promises';
import { syncFileSystem, withDescriptor } from '../../kernel/calls/descriptor.ts';
import { errno, isErrno } from '../../kernel/calls/errno.ts';
import {
  clearQuota,
  isQuotaEnforced,
  isQuotaOff,
  quotaOf,
  setProject,
} from '../../kernel/file-systems/project-quota.ts';
import { pollUntil } from '../../kernel/process/poll-until.ts';
import { removeTree } from '../../kernel/workers/tree-tasks.ts';
import type { Volume } from '../../model/objects/volume.ts';
import type {
  Backend,
  ContentFault,
  ContentLoss,
  CopyControl,
  CopySource,
  NewContent,
  OccupiedBytes,
  Recount,
  RecountControl,
  RestoreOptions,
  StoredContent,
  VolumeUsage,
} from '../../model/ports/ports.ts';
import { checkFits } from '../../model/requests/capacity.ts';
import { originalData } from '../btrfs/data-kind.ts';
import { copyDirectory, directoryBytes } from '../copy-directory.ts';
import { limitedUsage } from '../limited-usage.ts';
import {
  dataOf,
  isDataMissing,
  lossOfData,
  prepareRoot,
  withData,
  withExistingData,
} from '../volume-root.ts';
import { chargeToProject } from './charge-to-project.ts';
import { PlainDirectory } from './plain-directory.ts';
import { assignIfEmpty, type DataProject, dataProject, hasLimits, isUnused } from './project-data.ts';
import type { ProjectIds } from './project-ids.ts';
import { limitsOf, projectIdOf, setLimits } from './project-limits.ts';
import { enforcementFault, quotasOffError } from './quota-faults.ts';
import { recountData } from './recount.ts';

/**
 * Volumes as XFS or ext4 directories, each with its own project and quota. New entries in the directory inherit the
 * project. Inodes are limited as well: ext4 has a fixed number, and one volume could use up all of them. Manually
 * restored data is not in its project: `dataProject` checks before any operation.
 */
export class QuotaDirectory implements Backend {
  private readonly projectIds: ProjectIds;

  private readonly onProjectStillUsed: () => void;

  /** @param onProjectStillUsed called when a removed volume's project still counts files, most likely from outside the volume */
  constructor(projectIds: ProjectIds, onProjectStillUsed: () => void = () => {}) {
    this.projectIds = projectIds;
    this.onProjectStillUsed = onProjectStillUsed;
  }

  contentOf(directory: string): string {
    return dataOf(directory);
  }

  emptyContent(volume: Volume): NewContent {
    return (directory) => this.makeEmpty(directory, volume);
  }

  async provisionCopy(
    directory: string,
    volume: Volume,
    source: CopySource,
    control: CopyControl,
  ): Promise<void> {
    const content = dataOf(directory);
    await mkdir(content, { mode: 0o700 });
    await withDescriptor(content, 'r', async (fd) => {
      await checkEnforced(fd, volume);
      await setProject(fd, projectIdOf(volume));
      // Content that filled its source volume may need slightly more metadata here, so the limit is set afterwards.
      await copyDirectory(source, content, control);
      checkFits((await quotaOf(fd, projectIdOf(volume)))?.usedBytes ?? 0n, volume.capacityBytes);
      await setLimits(fd, volume);
      await syncFileSystem(fd);
    });
  }

  async charge(path: string, volume: Volume, signal: AbortSignal): Promise<void> {
    await chargeToProject(path, volume, signal);
  }

  /** Without a project: a snapshot does not grow. */
  snapshot(directory: string, source: CopySource, control: CopyControl): Promise<void> {
    return new PlainDirectory().snapshot(directory, source, control);
  }

  async destroy(directory: string, volume?: Volume): Promise<void> {
    if (!volume) return removeTree(directory);
    const projectId = projectIdOf(volume);
    const isOutside = (await this.findProject(directory, volume))?.kind === 'outside';
    await removeTree(dataOf(directory));
    await unlessQuotaOff(directory, async (fd) => {
      // The file system frees space in the background; processes with files open still use the rest.
      const isFree = async () => isUnused(await quotaOf(fd, projectId));
      if (await (isOutside ? isFree() : pollUntil(isFree))) await clearQuota(fd, projectId);
      else if (!isOutside) {
        // Files outside the volume, or deleted files still in use. The limit remains until they are gone, which also keeps
        // the id from being given to another volume.
        this.projectIds.keep(projectId);
        this.onProjectStillUsed();
      }
    });
    this.projectIds.release(projectId);
    await removeTree(directory);
  }

  async applyLimits(directory: string, volume: Volume): Promise<void> {
    await withExistingData(directory, async (fd) => {
      const found = await dataProject(fd, projectIdOf(volume));
      if (found.kind === 'quotas-off') throw await quotasOffError(fd, volume);
      if (ownsProject(found)) await setLimits(fd, volume);
    });
  }

  async restoreLimits(directory: string, volume: Volume, how?: RestoreOptions): Promise<boolean> {
    const projectId = projectIdOf(volume);
    return withData(directory, async (fd) => {
      const found = await dataProject(fd, projectId);
      if (found.kind === 'quotas-off' || !ownsProject(found)) return false;
      const isLimitRight = hasLimits(found.quota, limitsOf(volume));
      if (how?.isDryRun) return !isLimitRight;
      // Also set while the data is outside: then only the command that moves it in (`faultsOf`) remains to be run.
      if (!isLimitRight) await setLimits(fd, volume);
      return found.kind === 'inside' ? !isLimitRight : assignIfEmpty(fd, projectId);
    });
  }

  async recount(directory: string, volume: Volume, control: RecountControl): Promise<Recount | undefined> {
    const projectId = projectIdOf(volume);
    return withData(directory, async (fd) => {
      if (!(await isQuotaEnforced(fd))) return undefined;
      if (control.adoptsFiles) await adopt(fd, volume);
      const recount = await recountData(fd, directory, control, {
        projectId,
        setLimits: () => setLimits(fd, volume),
      });
      await this.projectIds.releaseUnused(fd);
      return recount;
    });
  }

  async faultsOf(directory: string, volume: Volume): Promise<ContentFault[]> {
    const projectId = projectIdOf(volume);
    return withData(directory, async (fd) => {
      const found = await dataProject(fd, projectId);
      const fault = await enforcementFault(fd, volume, { projectId, found });
      return fault ? [fault] : [];
    });
  }

  async undoGrowth(directory: string, volume: Volume): Promise<bigint> {
    await this.applyLimits(directory, volume);
    return volume.capacityBytes;
  }

  originalIn(directory: string): Promise<StoredContent> {
    return originalData(directory);
  }

  async usage(directory: string, volume: Volume): Promise<VolumeUsage | undefined> {
    const quota = await withData(directory, async (fd) => {
      const found = await dataProject(fd, projectIdOf(volume));
      if (found.kind === 'quotas-off') throw await quotasOffError(fd, volume);
      return found.kind === 'inside' ? found.quota : undefined;
    });
    const { limitBytes, limitInodes, usedBytes = 0n, usedInodes = 0n } = quota ?? {};
    if (limitBytes === undefined || limitInodes === undefined) return undefined;
    const inodes = { limit: limitInodes, used: usedInodes };
    return limitedUsage(directory, { limit: limitBytes, used: usedBytes }, inodes);
  }

  async occupiedBytes(directory: string, volume: Volume): Promise<OccupiedBytes> {
    let usedBytes = 0n;
    if ((await this.findProject(directory, volume))?.kind !== 'outside') {
      // Also if projects are counted without enforcement.
      await unlessQuotaOff(directory, async (fd) => {
        usedBytes = (await quotaOf(fd, projectIdOf(volume)))?.usedBytes ?? 0n;
      });
    }
    return { total: usedBytes, exclusive: undefined };
  }

  lossOf(directory: string): Promise<ContentLoss | undefined> {
    return lossOfData(directory);
  }

  copyBytes(path: string, signal: AbortSignal): Promise<bigint> {
    return directoryBytes(path, signal);
  }

  /** What limits the data's size; undefined if there is no data. */
  private async findProject(directory: string, volume: Volume): Promise<DataProject | undefined> {
    try {
      return await withData(directory, (fd) => dataProject(fd, projectIdOf(volume)));
    } catch (error) {
      if (isDataMissing(error)) return undefined;
      throw error;
    }
  }

  private async makeEmpty(directory: string, volume: Volume): Promise<void> {
    const content = dataOf(directory);
    await mkdir(content, { mode: 0o700 });
    await withDescriptor(content, 'r', async (fd) => {
      await checkEnforced(fd, volume);
      await setLimits(fd, volume);
      await setProject(fd, projectIdOf(volume));
      await prepareRoot(content, fd, volume.root);
    });
  }
}

/**
 * Puts manually restored data into its project, unless that counts other files. Its entries follow in the recount; after a
 * crash in between, the next recount returns them, since the data is in its project by then.
 */
async function adopt(fd: number, volume: Volume): Promise<void> {
  const projectId = projectIdOf(volume);
  const found = await dataProject(fd, projectId);
  if (found.kind !== 'outside' || !isUnused(found.quota)) return;
  await setLimits(fd, volume);
  await setProject(fd, projectId);
}

/** Whether a project is the volume's alone: its data is in the project, or the project is empty. */
function ownsProject(found: Exclude<DataProject, { kind: 'quotas-off' }>): boolean {
  return found.kind === 'inside' || isUnused(found.quota);
}

/** @throws VolumeError precondition: the disk does not enforce project limits, or does not even count projects */
async function checkEnforced(fd: number, volume: Volume): Promise<void> {
  if (!(await isQuotaEnforced(fd))) throw await quotasOffError(fd, volume);
}

/** Works on a volume's disk; does nothing if quotas are off, since there is then nothing to undo or count. */
async function unlessQuotaOff(directory: string, use: (fd: number) => Promise<void>): Promise<void> {
  try {
    await withDescriptor(directory, 'r', use);
  } catch (error) {
    if (!isQuotaOff(error) && !isErrno(error, errno.ENOENT)) throw error;
  }
}
