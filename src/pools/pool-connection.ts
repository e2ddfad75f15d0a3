import { Subvolume } from '../backends/btrfs/subvolume.ts';
import { PlainDirectory } from '../backends/directory/plain-directory.ts';
import { QuotaDirectory } from '../backends/directory/quota-directory.ts';
import { Image } from '../backends/image/image.ts';
import { directoryNameOf } from '../model/objects/object-id.ts';
import type { Volume } from '../model/objects/volume.ts';
import type { Pool, PoolRecords } from '../model/ports/pool.ts';
import type { FreezeMarks } from '../model/ports/ports.ts';
import type { PoolContents } from '../model/state/catalogue.ts';
import type { OnStep } from '../model/steps.ts';
import type { Logger } from '../observability/logger.ts';
import { DiskRecords } from '../records/disk-records.ts';
import { FileChanges } from '../records/file-changes.ts';
import { finishAdoptions } from '../records/finish-adoptions.ts';
import { DiskFreezeMarks } from '../records/freeze-marks.ts';
import { groupRecords, retainedRecords, snapshotRecords, volumeRecords } from '../records/record-kinds.ts';
import { RemovalQueue } from '../records/removal-queue.ts';
import { DiskVolumeNames } from '../records/volume-names.ts';
import { damagedMembers } from './directory/damaged-groups.ts';
import { type OpenPool, openPool } from './directory/open-pool.ts';
import type { PoolConfig, PoolRegistry } from './directory/pool-registry.ts';
import { contentError } from './directory/recognise-pool.ts';
import { namedBackends, namedFreezeMarks } from './named-backends.ts';
import { type Disk, type Disks, diskOf, type PoolProbe, probePool } from './probe-pool.ts';
import { removeGroup, removeLeftover, removeSnapshot, removeVolume } from './remove-object.ts';
import { MarkedImages } from './thaw-marked.ts';

/** What opening any pool needs. */
export interface PoolDependencies {
  readonly registry: PoolRegistry;
  readonly disks: Disks;
  readonly lockTimeoutMs: number;
  readonly logger: Logger;
  readonly onStep: OnStep;
  /** Called when a volume was removed and files are still charged to it, most likely files of others. */
  readonly onProjectStillUsed: (poolName: string) => void;
}

/** A pool whose disk is available: locked, probed, its records read, removal of leftovers from a crash started. */
export interface PoolConnection extends PoolProbe {
  readonly open: OpenPool;
  readonly disk: Disk;
  readonly backends: Pool['backends'];
  readonly records: PoolRecords;
  readonly freezeMarks: FreezeMarks;
  readonly thawMarked: Pool['thawMarked'];
  readonly removals: RemovalQueue;
  readonly contents: PoolContents;
}

/**
 * Opens a pool and reads its records.
 * @throws the errors of `openPool`
 */
export async function connectPool(
  config: PoolConfig,
  dependencies: PoolDependencies,
): Promise<PoolConnection> {
  const { registry, disks, lockTimeoutMs, logger } = dependencies;
  const open = await openPool(config, registry, lockTimeoutMs);
  try {
    const freezeMarks = new DiskFreezeMarks(open.layout.frozen, open.name);
    const marked = new MarkedImages(open.layout, freezeMarks, logger);
    // Before anything else, since writers to a frozen file system hang.
    await marked.thawAll();
    const disk = disks.get(await diskOf(open.layout.root));
    const probe = await probePool(open.layout, disk.projectIds);
    const backends = {
      directory: new PlainDirectory(),
      quota: new QuotaDirectory(disk.projectIds, () => dependencies.onProjectStillUsed(open.name)),
      subvolume: new Subvolume(),
      image: new Image(),
    };
    const removals = startRemovals(backends, dependencies);
    const records = makeRecords(open, backends, removals, dependencies);
    await finishAdopting(open, logger);
    const contents = await readContents(records);
    for (const directory of open.leftovers) removals.add(directory);
    return {
      open,
      disk,
      ...probe,
      backends: namedBackends(backends, open.name),
      records,
      freezeMarks: namedFreezeMarks(freezeMarks, open.name),
      thawMarked: (volumeId) => marked.thaw(directoryNameOf(volumeId)),
      removals,
      contents,
    };
  } catch (error) {
    await open.lock.release();
    throw contentError(error, open);
  }
}

/** Before the records are read, because it adds some. */
async function finishAdopting({ layout, name: pool }: OpenPool, logger: Logger): Promise<void> {
  for (const { directory, error } of await finishAdoptions(layout)) {
    if (error === undefined) logger.info({ pool, directory }, 'finished making a volume of existing data');
    else
      logger.error(
        { err: error, pool, directory },
        'cannot make a volume of existing data; it is left there',
      );
  }
}

async function readContents(records: PoolRecords): Promise<PoolContents> {
  const volumes = await records.volumes.load();
  const snapshots = await records.snapshots.load();
  const groups = await records.groups.load();
  const damaged = [...snapshots.damaged, ...(await damagedMembers(records.groups, groups.damaged))];
  return { volumes, snapshots: { ...snapshots, damaged }, groups, retained: await records.retained.load() };
}

function makeRecords(
  { layout, name: poolName }: OpenPool,
  backends: Pool['backends'],
  removals: RemovalQueue,
  { onStep, logger }: PoolDependencies,
): PoolRecords {
  const shared = { layout, poolName, removals, changes: new FileChanges(onStep) };
  const ofVolumes = {
    ...shared,
    destroy: (directory: string, volume: Volume) => removeVolume(backends, directory, volume),
  };
  return {
    volumes: new DiskRecords({ ...ofVolumes, kind: volumeRecords }),
    retained: new DiskRecords({ ...ofVolumes, kind: retainedRecords }),
    names: new DiskVolumeNames(layout, (err) =>
      logger.warn({ err, pool: poolName }, 'cannot keep the names of volumes (nameTemplate)'),
    ),
    snapshots: new DiskRecords({
      ...shared,
      kind: snapshotRecords,
      destroy: (directory, snapshot) => removeSnapshot(backends, directory, snapshot),
    }),
    groups: new DiskRecords({
      ...shared,
      kind: groupRecords,
      destroy: (directory, group) => removeGroup(backends, directory, group),
    }),
  };
}

function startRemovals(backends: Pool['backends'], { logger, onStep }: PoolDependencies): RemovalQueue {
  return new RemovalQueue({
    async remove(directory) {
      await removeLeftover(backends, directory);
      await onStep('delete: content removed');
    },
    onFailure: (directory, err, retryMs) =>
      logger.error({ err, directory, retryMs }, 'cannot remove deleted content; will retry'),
    onRecovery: (directory) => logger.info({ directory }, 'removed deleted content after a retry'),
  });
}
