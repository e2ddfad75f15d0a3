import { realpath } from 'node:fs/promises';
import { KernelBlockMaps } from './backends/image/kernel-block-maps.ts';
import { KernelFormatter } from './backends/image/kernel-formatter.ts';
import { expansionOf, featuresOf, topologyOf } from './features.ts';
import { tellListening } from './listening.ts';
import { ObjectIndex } from './model/objects/object-index.ts';
import type { GroupSnapshot } from './model/objects/snapshot.ts';
import { SnapshotIndex } from './model/objects/snapshot-index.ts';
import { VolumeIndex } from './model/objects/volume-index.ts';
import { Pools } from './model/ports/pool.ts';
import { MountPaths } from './model/requests/mount-paths.ts';
import { Copies } from './model/state/copies.ts';
import { InWork } from './model/state/in-work.ts';
import { Locations } from './model/state/locations.ts';
import type { Model } from './model/state/model.ts';
import { MountIndex } from './model/state/mount-index.ts';
import { Recounts } from './model/state/recounts.ts';
import { SharingClaims } from './model/state/sharing-claims.ts';
import type { OnStep } from './model/steps.ts';
import { hostError } from './mounts/host-error.ts';
import { KernelMounts } from './mounts/kernel-mounts.ts';
import { LoopDevices } from './mounts/loop-devices.ts';
import { callLogger } from './observability/call-log.ts';
import { copyLogger } from './observability/copy-log.ts';
import { findingLogger } from './observability/health-log.ts';
import type { Logger } from './observability/logger.ts';
import { type Options, resolveVolumeLimit } from './options.ts';
import type { DiskPool } from './pools/disk-pool.ts';
import { namedDevices, namedFormatter } from './pools/named-images.ts';
import { declarePools, openPools } from './pools/open-pools.ts';
import { PoolWork } from './pools/pool-work.ts';
import { usingPools } from './pools/using-pools.ts';
import { CallMonitor } from './rpc/call-monitor.ts';
import { endsWithin } from './rpc/ends-within.ts';
import { startServer } from './rpc/server.ts';
import { groupIdOf } from './rpc/socket-group.ts';
import { csiServices } from './services/csi-services.ts';

// A few copies at once keep a disk busy; more would only delay each other.
const COPY_SLOTS = 4;

/** What a driver needs besides its options. */
export interface DriverSurroundings {
  readonly version: string;
  readonly logger: Logger;
  /** Called at each step of each mutation. */
  readonly onStep: OnStep;
}

/** A driver that serves calls. */
export interface Driver {
  /** The endpoint that it listens on, as users write it. */
  readonly endpoint: string;
  /** Finishes the calls in progress, within the drain timeout, and releases the pools. */
  stop(): Promise<void>;
}

/**
 * Creates the parts of the driver and starts serving. A pool is locked before anything in it is read, and recovered
 * before the first call.
 * @throws Error with a sentence for the operator
 */
export async function startDriver(options: Options, surroundings: DriverSurroundings): Promise<Driver> {
  const { logger, onStep, version } = surroundings;
  const groupId = await groupIdOf(options.socketGroup);
  const pools = declarePools(options, { logger, onStep, modelOf: () => model });
  const model = await makeModel(options, pools, () => model, surroundings);
  try {
    await openPools(pools, logger);
    const monitor = new CallMonitor(callLogger(logger, options.verbosity), hostError);
    const server = await startServer({
      endpoint: options.endpoint,
      socketAccess: { mode: options.socketMode, groupId },
      services: csiServices(
        model,
        monitor,
        { driverName: options.driverName, version },
        (kind) => new PoolWork(pools, kind === 'call'),
      ),
      monitor,
    });
    const endpoint = tellListening(logger, server.endpoint, { nodeId: options.nodeId, version });
    return {
      endpoint,
      async stop() {
        // A copy may take long; it starts over at the next start.
        void model.copies.stop();
        const isDrained = await server.drain(options.drainTimeoutMs);
        if (!isDrained)
          logger.warn({ drainTimeoutMs: options.drainTimeoutMs }, 'drain timed out with calls in progress');
        // A large removal may take long; the next start continues it.
        await endsWithin(stopPools(pools), options.drainTimeoutMs);
        logger.info('stopped');
      },
    };
  } catch (error) {
    await stopPools(pools);
    throw error;
  }
}

async function stopPools(pools: readonly DiskPool[]): Promise<void> {
  await Promise.all(pools.map((pool) => pool.stop()));
}

async function makeModel(
  options: Options,
  pools: readonly DiskPool[],
  modelOf: () => Model,
  { logger, onStep }: DriverSurroundings,
): Promise<Model> {
  const mounts = new KernelMounts();
  const realKubeletDir = await realpath(options.kubeletDir).catch(() => options.kubeletDir);
  return {
    pools: new Pools(pools),
    volumes: new VolumeIndex(),
    retained: new VolumeIndex(),
    attaching: new Set(),
    snapshots: new SnapshotIndex(),
    groups: new ObjectIndex<GroupSnapshot>('group snapshot'),
    mounts,
    locations: new Locations(mounts),
    devices: namedDevices(new LoopDevices(), () => pools),
    formatter: namedFormatter(new KernelFormatter(), () => pools),
    blockMaps: new KernelBlockMaps(),
    mountIndex: new MountIndex(mounts),
    copies: new Copies(COPY_SLOTS, copyLogger(logger)),
    recounts: new Recounts(modelOf, usingPools(pools)),
    sharing: new SharingClaims(),
    frozen: new InWork(),
    thawing: new InWork(),
    volumesInWork: new InWork(),
    pathsInWork: new InWork(),
    paths: new MountPaths(options.kubeletDir, realKubeletDir, options.mountDirs, () =>
      pools.map((pool) => pool.path),
    ),
    topology: topologyOf(options),
    limits: {
      maximumVolumeBytes: options.maxVolumeSizeBytes,
      maximumNodeExpansionBytes: options.maxVolumeSizeNodeBytes,
      overcommitThousandths: options.overcommitThousandths,
    },
    expansion: expansionOf(options),
    features: featuresOf(options),
    abandoned: {
      ids: new Set(options.abandonedPools),
      onDelete: (id, poolId) =>
        logger.warn({ id, poolId }, 'counted as deleted: its pool was abandoned (--abandoned-pools)'),
    },
    node: { id: options.nodeId, volumeLimit: resolveVolumeLimit(options, Math.random) },
    onStep,
    onFinding: findingLogger(logger),
    now: () => new Date(),
  };
}
