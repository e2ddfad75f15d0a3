import { realpath } from 'node:fs/promises';
import { PlainDirectory } from './backends/directory/plain-directory.ts';
import { withPath } from './kernel/path-handle.ts';
import { KernelMounts, usageOf } from './mounts/kernel-mounts.ts';
import { callLogger } from './observability/call-log.ts';
import type { Logger } from './observability/logger.ts';
import { type Options, resolveVolumeLimit } from './options.ts';
import { DiskRecords } from './records/disk-records.ts';
import { type OpenPool, openStatePool } from './records/open-pool.ts';
import { RemovalQueue } from './records/removal-queue.ts';
import { CallMonitor } from './rpc/call-monitor.ts';
import { formatEndpoint } from './rpc/endpoint.ts';
import { endsWithin } from './rpc/ends-within.ts';
import { startServer } from './rpc/server.ts';
import { groupIdOf } from './rpc/socket-group.ts';
import { csiServices } from './services/csi-services.ts';
import { findMounts } from './volume/find-mounts.ts';
import type { Model } from './volume/model.ts';
import { MountIndex } from './volume/mount-index.ts';
import { MountPaths } from './volume/mount-paths.ts';
import { defaultPoolName, type Pool, Pools } from './volume/pool.ts';
import type { Backend } from './volume/ports.ts';
import type { OnStep } from './volume/steps.ts';
import { topologyKey } from './volume/topology.ts';
import { VolumeIndex } from './volume/volume-index.ts';

/** What a driver is given besides its options. */
export interface DriverSurroundings {
  readonly version: string;
  readonly logger: Logger;
  /** Reached at each step of each mutation. */
  readonly onStep: OnStep;
}

/** A driver that serves calls. */
export interface Driver {
  /** Where it listens, as users write it. */
  readonly endpoint: string;
  /** Finishes the calls under way, within the drain timeout, and lets the pool go. */
  stop(): Promise<void>;
}

/**
 * Puts the parts together and starts serving. The pool is locked before anything in it is read, and recovered
 * before the first call.
 * @throws Error with a sentence for the operator
 */
export async function startDriver(options: Options, surroundings: DriverSurroundings): Promise<Driver> {
  const { logger, onStep, version } = surroundings;
  const groupId = await groupIdOf(options.socketGroup);
  const open = await openStatePool(defaultPoolName, options.stateDir, options.lockTimeoutMs);
  const backend = new PlainDirectory();
  const removals = startRemovals(open, backend, surroundings);
  try {
    const records = new DiskRecords({ layout: open.layout, poolName: open.name, removals, onStep });
    const model = await loadModel(options, toPool(open, records, backend), surroundings);
    const monitor = new CallMonitor(callLogger(logger, options.verbosity));
    const server = await startServer({
      endpoint: options.endpoint,
      socketAccess: { mode: options.socketMode, groupId },
      services: csiServices(model, monitor, {
        plugin: { driverName: options.driverName, version, hasTopology: options.enableTopology },
        node: { nodeId: options.nodeId, volumeLimit: resolveVolumeLimit(options, Math.random) },
      }),
      monitor,
    });
    const endpoint = formatEndpoint(server.endpoint);
    logger.info({ endpoint, nodeId: options.nodeId, version }, 'listening');
    return {
      endpoint,
      async stop() {
        const isDrained = await server.drain(options.drainTimeoutMs);
        if (!isDrained) logger.warn({ drainTimeoutMs: options.drainTimeoutMs }, 'calls were still under way');
        // A large removal may take long; the next start goes on with it.
        await endsWithin(removals.stop(), options.drainTimeoutMs);
        await open.lock.release();
        logger.info('stopped');
      },
    };
  } catch (error) {
    await removals.stop();
    await open.lock.release();
    throw error;
  }
}

function startRemovals(
  open: OpenPool,
  backend: Backend,
  { logger, onStep }: DriverSurroundings,
): RemovalQueue {
  const removals = new RemovalQueue(
    async (directory) => {
      await backend.destroy(directory);
      await onStep('delete: content removed');
    },
    (directory, err) =>
      logger.error(
        { err, directory },
        'a deleted volume could not be removed; tried again at the next start',
      ),
  );
  for (const directory of open.leftovers) removals.add(directory);
  return removals;
}

function toPool(open: OpenPool, records: DiskRecords, backend: Backend): Pool {
  return {
    name: open.name,
    id: open.id,
    path: open.layout.root,
    records,
    backend,
    checkReachable: open.checkReachable,
    usage: () => withPath(open.layout.root, usageOf),
  };
}

async function loadModel(
  options: Options,
  pool: Pool,
  { logger, onStep }: DriverSurroundings,
): Promise<Model> {
  const mounts = new KernelMounts();
  const realKubeletDir = await realpath(options.kubeletDir).catch(() => options.kubeletDir);
  const model: Model = {
    pools: new Pools([pool]),
    volumes: new VolumeIndex(),
    mounts,
    mountIndex: new MountIndex(mounts),
    paths: new MountPaths(options.kubeletDir, realKubeletDir, [pool.path]),
    topology: options.enableTopology ? { [topologyKey]: options.nodeId } : undefined,
    maximumVolumeBytes: options.maxVolumeSizeBytes,
    onStep,
    now: () => new Date(),
  };
  const { volumes, damaged } = await pool.records.load();
  for (const volume of volumes) model.volumes.add(volume, pool.records.directoryNameOf(volume.id));
  for (const volume of damaged) {
    model.volumes.addDamaged(volume);
    logger.error(
      { volumeId: volume.id, reason: volume.reason },
      'a record is damaged; the volume is left as it is',
    );
  }
  const mountCount = await findMounts(model);
  const { name, id, path, backend } = pool;
  const counts = { volumes: volumes.length, damaged: damaged.length, mounts: mountCount };
  logger.info({ pool: name, id, path, capacityEnforced: backend.enforcesCapacity, ...counts }, 'pool ready');
  return model;
}
