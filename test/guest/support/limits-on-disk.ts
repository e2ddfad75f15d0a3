import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { dataLimit } from '../../../src/backends/btrfs/qgroup-limit.ts';
import { withDescriptor } from '../../../src/kernel/calls/descriptor.ts';
import { projectOf, quotaOf } from '../../../src/kernel/file-systems/project-quota.ts';

const MIB = 1024 ** 2;

/** What limits a volume, whatever its record says. */
export interface LimitOnDisk {
  readonly id: string;
  /** 0: unlimited. */
  readonly mebibytes: number;
  /** Undefined where inodes are not limited. */
  readonly inodes: number | undefined;
}

/** Reads the limits of all directory volumes of a pool without a driver. */
export async function limitsOnDisk(pool: string): Promise<LimitOnDisk[]> {
  const volumes = join(pool, 'volumes');
  const ids = existsSync(volumes) ? readdirSync(volumes) : [];
  const found = ids.map(async (id) => {
    const directory = join(volumes, id);
    const record = readRecord(join(directory, 'volume.json'));
    if (record.content.backend === 'image') return [];
    return [{ id, ...(await limitsOf(join(directory, 'data'), record.content.projectId)) }];
  });
  return (await Promise.all(found)).flat();
}

function readRecord(path: string): { content: { backend: string; projectId?: number } } {
  const text = readFileSync(path, 'utf8');
  try {
    return JSON.parse(text);
  } catch (error) {
    throw new Error(`damaged record ${path}: "${text}"`, { cause: error });
  }
}

function limitsOf(data: string, projectId: number | undefined): Promise<Omit<LimitOnDisk, 'id'>> {
  return withDescriptor(data, 'r', async (fd) => {
    if (projectId === undefined) {
      const limit = await dataLimit(fd);
      const bytes = limit.kind === 'qgroup' ? limit.limitBytes : undefined;
      return { mebibytes: Number(bytes ?? 0n) / MIB, inodes: undefined };
    }
    const { projectId: actual, inherits } = projectOf(fd);
    // Files of another project, or of none, do not count for the limits.
    if (actual !== projectId || !inherits) return { mebibytes: 0, inodes: 0 };
    const quota = await quotaOf(fd, projectId);
    return { mebibytes: Number(quota?.limitBytes ?? 0n) / MIB, inodes: Number(quota?.limitInodes ?? 0n) };
  });
}
