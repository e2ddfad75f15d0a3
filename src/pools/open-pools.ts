import { restoreLimits } from '../model/content/restore-limits.ts';
import { VolumeError } from '../model/errors.ts';
import { findMounts, keepDevices } from '../model/mounting/find-mounts.ts';
import { type Orphan, removeOrphans } from '../model/mounting/remove-orphans.ts';
import type { DamagedObject } from '../model/objects/object-index.ts';
import { isCapacityEnforced } from '../model/objects/volume.ts';
import type { Parts } from '../model/parts.ts';
import type { PoolContents } from '../model/state/catalogue.ts';
import type { Logger } from '../observability/logger.ts';
import { settlesWithin } from '../rpc/settles-within.ts';
import { PoolConfigError, PoolHeldError } from './directory/pool-errors.ts';
import type { DiskPool } from './disk-pool.ts';
import type { PoolConnection } from './pool-connection.ts';

// How long startup waits for a hung pool; the pool is served once it answers.
const START_LIMIT_MS = 5_000;
const RETRY_INTERVAL_MS = 30_000;

/**
 * Opens every pool. A pool whose disk is missing or hangs is logged, and its calls fail until the disk is there; the
 * default pool must be available.
 * @throws Error with a sentence for the operator
 */
export async function openPools(pools: readonly DiskPool[], logger: Logger): Promise<void> {
  const [statePool, ...others] = pools;
  const openOthers = () => Promise.all(others.map((pool) => openOne(pool, logger)));
  const opening = statePool?.connect() ?? Promise.resolve();
  // The default pool remembers the others, so it is opened before them.
  if (await settlesWithin(opening, START_LIMIT_MS)) {
    await opening;
    await openOthers();
  } else {
    logger.error(
      { path: statePool?.path },
      'state directory does not respond; pools will be served once it does',
    );
    opening.then(openOthers).catch((err: unknown) => logger.error({ err }, 'pools unreachable'));
  }
  retryPeriodically(pools, logger);
}

async function openOne(pool: DiskPool, logger: Logger): Promise<void> {
  const opening = pool.connect();
  const { name, path } = pool;
  if (!(await settlesWithin(opening, START_LIMIT_MS))) {
    logger.error({ pool: name, path }, 'pool does not respond; it will be served once it does');
    opening.catch((err: unknown) => logger.error({ err, pool: name, path }, 'pool unreachable'));
    return;
  }
  try {
    await opening;
  } catch (err) {
    if (isConfigError(err)) throw err;
    logger.error({ err, pool: name, path: pool.path }, 'pool unreachable');
  }
}

/** Looks for missing disks periodically, even if no call asks for them, until the pools are stopped. */
function retryPeriodically(pools: readonly DiskPool[], logger: Logger): void {
  const tryAll = () => {
    for (const pool of pools) {
      pool.connect().catch((err: unknown) => logger.debug({ err, pool: pool.name }, 'pool unreachable'));
    }
  };
  const timer = setInterval(tryAll, RETRY_INTERVAL_MS).unref();
  pools[0]?.stopping.addEventListener('abort', () => clearInterval(timer));
}

/**
 * A pool that was never used here and cannot be at its path, or that another driver holds. Any other pool may return.
 */
function isConfigError(error: unknown): boolean {
  return error instanceof PoolConfigError || error instanceof PoolHeldError;
}

/** Registers the volumes of a pool, replacing what was known of it. */
export async function registerPool(
  parts: Parts<'catalogue' | 'host' | 'holds' | 'settings' | 'onStep' | 'now'>,
  pool: DiskPool,
  connection: PoolConnection,
  logger: Logger,
): Promise<void> {
  parts.catalogue.addPool(connection.contents);
  logDamaged(connection.contents, logger);
  await parts.host.locations.registerPool(pool);
  const mounts = await findMounts(parts);
  await keepDevices(parts, (volumeId, err) =>
    logger.error({ volumeId, err }, 'cannot keep the device of a block volume open; a pod may detach it'),
  );
  const { fileSystem, quota, abilities, contents } = connection;
  const { directories, hasImages, sharesBlocks } = abilities;
  const { volumes, snapshots, groups, retained } = contents;
  logger.info(
    {
      pool: pool.name,
      id: pool.id,
      path: pool.path,
      fileSystem,
      quota,
      reflink: sharesBlocks,
      directories: directories.backend,
      capacityEnforced: directories.backend === 'quota' || isCapacityEnforced(directories),
      images: hasImages ? parts.host.formatter.fileSystems : [],
      volumes: volumes.found.length,
      snapshots: snapshots.found.length,
      groups: groups.found.length,
      retained: retained.found.length,
      damaged: volumes.damaged.length + snapshots.damaged.length + groups.damaged.length,
      mounts,
    },
    'pool ready',
  );
  for (const orphan of await removeOrphans(parts, pool.name)) logOrphan(orphan, logger);
  rebuildNames(parts, pool, connection);
  restorePoolLimits(parts, pool, logger);
}

/** In the background, since nothing waits for them. */
function rebuildNames({ catalogue }: Parts<'catalogue'>, pool: DiskPool, { records }: PoolConnection): void {
  const volumes = () => catalogue.volumes.all().filter((volume) => volume.pool === pool.name);
  pool
    .using(() => records.names.rebuild(volumes))
    .catch(() => {
      // The pool has disappeared again; when it is back, this is done again.
    });
}

function logOrphan({ volumeId, targetPath, outcome }: Orphan, logger: Logger): void {
  const what = { volumeId, targetPath };
  switch (outcome.kind) {
    case 'removed':
      logger.info(what, 'removed the inline volume of a deleted pod');
      return;
    case 'unknown':
      logger.debug(what, 'inline volume kept: unknown whether its pod is gone');
      return;
    case 'in use':
      logger.debug({ ...what, err: outcome.error }, 'kept the inline volume of a deleted pod: still in use');
      return;
    case 'failed':
      logger.error({ ...what, err: outcome.error }, 'cannot remove the inline volume of a deleted pod');
      return;
  }
}

function logDamaged({ volumes, snapshots, groups, retained }: PoolContents, logger: Logger): void {
  const log = (what: object, { reason }: DamagedObject) =>
    logger.error({ ...what, reason }, 'damaged record; object left untouched');
  for (const each of volumes.damaged) log({ volumeId: each.id }, each);
  for (const each of snapshots.damaged) log({ snapshotId: each.id }, each);
  for (const each of groups.damaged) log({ groupSnapshotId: each.id }, each);
  for (const each of retained.damaged) log({ retainedVolumeId: each.id }, each);
}

/** Corrects the limits of a pool's volumes in the background, and logs each correction. */
function restorePoolLimits(parts: Parts<'catalogue' | 'holds'>, pool: DiskPool, logger: Logger): void {
  const restoring = restoreLimits(
    parts,
    pool.name,
    (check) => pool.using(check),
    ({ id, capacityBytes }, result) => {
      const volume = { pool: pool.name, volumeId: id, capacityBytes: String(capacityBytes) };
      if (result.kind === 'restored') logger.warn(volume, 'limit restored from the record');
      // The pool has disappeared again, or the driver is stopping; the next start checks again.
      else if (result.kind === 'failed' && !isUnavailable(result.error))
        logger.error({ ...volume, err: result.error }, 'cannot compare the limit with the record');
    },
  );
  restoring.catch((err: unknown) =>
    logger.debug({ err, pool: pool.name }, 'cannot compare the limits with the records'),
  );
}

function isUnavailable(error: unknown): boolean {
  return error instanceof VolumeError && error.kind === 'unavailable';
}
