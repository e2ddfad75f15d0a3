import { findMounts } from '../model/mounting/find-mounts.ts';
import { keepDevices } from '../model/mounting/keep-devices.ts';
import { type Orphan, removeOrphans } from '../model/mounting/remove-orphans.ts';
import { Account } from '../model/objects/account.ts';
import type { Damaged } from '../model/objects/stored.ts';
import { isCapacityEnforced } from '../model/objects/volume.ts';
import { defaultPoolName } from '../model/ports/pool.ts';
import { addGroup } from '../model/snapshots/create-group-snapshot.ts';
import { placeOf } from '../model/space/place.ts';
import { countVolume, discountVolume } from '../model/space/reservations.ts';
import type { Model } from '../model/state/model.ts';
import type { OnStep } from '../model/steps.ts';
import type { Logger } from '../observability/logger.ts';
import { PoolHeldError, PoolMistake } from './directory/pool-errors.ts';
import { checkDistinct } from './directory/pool-overlap.ts';
import { type PoolPlace, PoolRegistry } from './directory/pool-registry.ts';
import { DiskPool } from './disk-pool.ts';
import { Disks } from './disks.ts';
import { endsWithin } from './ends-within.ts';
import type { PoolConnection, PoolContents, PoolSurroundings } from './pool-connection.ts';
import { restorePoolLimits } from './restore-pool-limits.ts';

/** The pools named on the command line. */
export interface PoolOptions {
  readonly stateDir: string;
  /** A file on another disk that remembers the state directory; undefined for none. */
  readonly stateDirMarker: string | undefined;
  readonly requireExistingStateDir: boolean;
  readonly pools: readonly PoolPlace[];
  /** Capacity of a pool, or of an accounting class in the default pool. */
  readonly capacities: readonly { readonly name: string; readonly capacityBytes: bigint }[];
  readonly overcommitThousandths: bigint;
  readonly lockTimeoutMs: number;
}

/**
 * The pools of the command line, none of them opened yet.
 * @param modelOf returns the model that they will be part of; needed from `openPools` on
 */
export function declarePools(
  options: PoolOptions,
  { logger, onStep, modelOf }: { logger: Logger; onStep: OnStep; modelOf: () => Model },
): DiskPool[] {
  const places = [{ name: defaultPoolName, path: options.stateDir }, ...options.pools];
  const surroundings: PoolSurroundings = {
    registry: new PoolRegistry(options.stateDir, {
      markerPath: options.stateDirMarker,
      mustExist: options.requireExistingStateDir,
    }),
    disks: new Disks(),
    lockTimeoutMs: options.lockTimeoutMs,
    logger,
    onStep,
    onStillCharged: (poolName) => modelOf().recounts.lookThrough(poolName),
  };
  const accountOf = ({ capacityBytes }: { capacityBytes: bigint }) =>
    new Account((capacityBytes * options.overcommitThousandths) / 1000n);
  const classes = options.capacities.filter(({ name }) => !places.some((place) => place.name === name));
  return places.map((place) => {
    const capacity = options.capacities.find(({ name }) => name === place.name);
    const ownClasses = place.name === defaultPoolName ? classes : [];
    const parts = {
      account: capacity ? accountOf(capacity) : new Account(undefined),
      classes: new Map(ownClasses.map((each) => [each.name, accountOf(each)])),
      checkDistinct: () => checkDistinct(places),
      onConnected: (pool: DiskPool, connection: PoolConnection) => enter(modelOf(), pool, connection, logger),
      onReread: (pool: DiskPool) => forgetPool(modelOf(), pool),
    };
    return new DiskPool(place, parts, surroundings);
  });
}

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
  if (await endsWithin(opening, START_LIMIT_MS)) {
    await opening;
    await openOthers();
  } else {
    logger.error(
      { path: statePool?.path },
      'state directory does not respond; pools will be served once it does',
    );
    opening.then(openOthers).catch((err: unknown) => logger.error({ err }, 'pools unreachable'));
  }
  keepTrying(pools, logger);
}

async function openOne(pool: DiskPool, logger: Logger): Promise<void> {
  const opening = pool.connect();
  const { name, path } = pool;
  if (!(await endsWithin(opening, START_LIMIT_MS))) {
    logger.error({ pool: name, path }, 'pool does not respond; it will be served once it does');
    opening.catch((err: unknown) => logger.error({ err, pool: name, path }, 'pool unreachable'));
    return;
  }
  try {
    await opening;
  } catch (err) {
    if (isOperatorsMistake(err)) throw err;
    logger.error({ err, pool: name, path: pool.path }, 'pool unreachable');
  }
}

/** Looks for missing disks periodically, even if no call asks for them. */
function keepTrying(pools: readonly DiskPool[], logger: Logger): void {
  const tryAll = () => {
    for (const pool of pools) {
      pool.connect().catch((err: unknown) => logger.debug({ err, pool: pool.name }, 'pool unreachable'));
    }
  };
  setInterval(tryAll, RETRY_INTERVAL_MS).unref();
}

/**
 * A pool that was never used here and cannot be at its path, or that another driver holds. Any other pool may return.
 */
function isOperatorsMistake(error: unknown): boolean {
  return error instanceof PoolMistake || error instanceof PoolHeldError;
}

/** Registers the volumes of a pool, replacing what was known of it. */
async function enter(
  model: Model,
  pool: DiskPool,
  connection: PoolConnection,
  logger: Logger,
): Promise<void> {
  enterContents(model, connection.contents, logger);
  await model.locations.enterPool(pool);
  const mounts = await findMounts(model);
  await keepDevices(model, (volumeId, err) =>
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
      images: hasImages ? model.formatter.fileSystems : [],
      volumes: volumes.found.length,
      snapshots: snapshots.found.length,
      groups: groups.found.length,
      retained: retained.found.length,
      damaged: volumes.damaged.length + snapshots.damaged.length + groups.damaged.length,
      mounts,
    },
    'pool ready',
  );
  for (const orphan of await removeOrphans(model, pool.name)) tellOrphan(orphan, logger);
  restorePoolLimits(model, pool, logger);
}

function tellOrphan({ volumeId, targetPath, fate }: Orphan, logger: Logger): void {
  const what = { volumeId, targetPath };
  switch (fate.kind) {
    case 'removed':
      logger.info(what, 'removed the inline volume of a deleted pod');
      return;
    case 'unknown':
      logger.debug(what, 'inline volume kept: unknown whether its pod is gone');
      return;
    case 'in use':
      logger.debug({ ...what, err: fate.error }, 'kept the inline volume of a deleted pod: still in use');
      return;
    case 'failed':
      logger.error({ ...what, err: fate.error }, 'cannot remove the inline volume of a deleted pod');
      return;
  }
}

function enterContents(
  model: Model,
  { volumes, snapshots, groups, retained }: PoolContents,
  logger: Logger,
): void {
  for (const volume of volumes.found) {
    model.volumes.add(volume);
    countVolume(placeOf(model, volume), volume);
  }
  for (const volume of retained.found) {
    model.retained.add(volume);
    countVolume(placeOf(model, volume), volume);
  }
  for (const group of groups.found) addGroup(model, group);
  for (const snapshot of snapshots.found) model.snapshots.add(snapshot);
  for (const volume of volumes.damaged) model.volumes.addDamaged(volume);
  for (const snapshot of snapshots.damaged) model.snapshots.addDamaged(snapshot);
  for (const group of groups.damaged) model.groups.addDamaged(group);
  const tell = (what: object, { reason }: Damaged) =>
    logger.error({ ...what, reason }, 'damaged record; object left untouched');
  for (const each of volumes.damaged) tell({ volumeId: each.id }, each);
  for (const each of snapshots.damaged) tell({ snapshotId: each.id }, each);
  for (const each of groups.damaged) tell({ groupSnapshotId: each.id }, each);
  for (const each of retained.damaged) tell({ retainedVolumeId: each.id }, each);
}

/** Drops the objects of a pool and the space reserved for them; they are read again right away. */
function forgetPool(model: Model, pool: DiskPool): void {
  for (const volume of [...model.volumes.all(), ...model.retained.all()]) {
    if (volume.pool === pool.name) discountVolume(placeOf(model, volume), volume);
  }
  for (const index of [model.volumes, model.snapshots, model.groups, model.retained])
    index.removePool(pool.name);
}
