import { Subvolume } from '../backends/btrfs/subvolume.ts';
import { PlainDirectory } from '../backends/directory/plain-directory.ts';
import { QuotaDirectory } from '../backends/directory/quota-directory.ts';
import { Image } from '../backends/image/image.ts';
import { isSubvolume } from '../kernel/btrfs.ts';
import { withDescriptor } from '../kernel/descriptor.ts';
import { removeTree } from '../kernel/remove-tree.ts';
import type { Logger } from '../observability/logger.ts';
import { DiskRecords, readVolumeRecord } from '../records/disk-records.ts';
import { type OpenPool, openPool } from '../records/open-pool.ts';
import type { PoolPlace, PoolRegistry } from '../records/pool-registry.ts';
import { RemovalQueue } from '../records/removal-queue.ts';
import type { Backend } from '../volume/ports.ts';
import type { OnStep } from '../volume/steps.ts';
import type { BackendKind, DamagedVolume, Volume } from '../volume/volume.ts';
import type { Disk, Disks } from './disks.ts';
import { diskOf, type PoolProbe, probePool } from './probe-pool.ts';

/** What every pool is opened with. */
export interface PoolSurroundings {
  readonly registry: PoolRegistry;
  readonly disks: Disks;
  readonly lockTimeoutMs: number;
  readonly logger: Logger;
  readonly onStep: OnStep;
}

/** A pool whose disk is there: locked, probed, its records read, what a crash has left on its way out. */
export interface PoolConnection extends PoolProbe {
  readonly open: OpenPool;
  readonly disk: Disk;
  readonly backends: Readonly<Record<BackendKind, Backend>>;
  readonly records: DiskRecords;
  readonly removals: RemovalQueue;
  readonly volumes: readonly Volume[];
  readonly damaged: readonly DamagedVolume[];
}

/**
 * Opens a pool and reads what is in it.
 * @throws what `openPool` throws
 */
export async function connectPool(place: PoolPlace, surroundings: PoolSurroundings): Promise<PoolConnection> {
  const { registry, disks, lockTimeoutMs, onStep } = surroundings;
  const open = await openPool(place, registry, lockTimeoutMs);
  try {
    const disk = disks.get(await diskOf(open.layout.root));
    const probe = await probePool(open.layout, disk.projectIds);
    const backends = {
      directory: new PlainDirectory(),
      quota: new QuotaDirectory(disk.projectIds),
      subvolume: new Subvolume(),
      image: new Image(),
    };
    const removals = startRemovals(backends, surroundings);
    const destroy = (directory: string, volume: Volume) => destroyVolume(backends, directory, volume);
    const records = new DiskRecords({ layout: open.layout, poolName: open.name, removals, destroy, onStep });
    const loaded = await records.load();
    for (const directory of open.leftovers) removals.add(directory);
    return { open, disk, ...probe, backends, records, removals, ...loaded };
  } catch (error) {
    await open.lock.release();
    throw error;
  }
}

type Backends = PoolConnection['backends'];

function startRemovals(backends: Backends, { logger, onStep }: PoolSurroundings): RemovalQueue {
  return new RemovalQueue(
    async (directory) => {
      const volume = await readVolumeRecord(directory).catch(() => undefined);
      if (volume) await destroyVolume(backends, directory, volume);
      else await destroyUnknown(directory);
      await onStep('delete: content removed');
    },
    (directory, err) =>
      logger.error(
        { err, directory },
        'a deleted volume could not be removed; tried again at the next start',
      ),
  );
}

function destroyVolume(backends: Backends, directory: string, volume: Volume): Promise<void> {
  return backends[volume.content.backend].destroy(directory, volume);
}

/** Removes what has no record that can be understood: a crash came before it was on the disk. */
async function destroyUnknown(directory: string): Promise<void> {
  const data = await withDescriptor(new PlainDirectory().contentOf(directory), 'r', isSubvolume).catch(
    () => false,
  );
  if (data) await new Subvolume().destroy(directory);
  else await removeTree(directory);
}
