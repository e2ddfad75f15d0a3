import { realpath } from 'node:fs/promises';
import { actionPath } from './actions/action.ts';
import type { ActionParts } from './actions/serve-action.ts';
import { KernelBlockMaps } from './backends/image/kernel-block-maps.ts';
import { KernelFormatter } from './backends/image/kernel-formatter.ts';
import { ConfigFileError } from './config/config-error.ts';
import type { ConfigWatch } from './config/config-watch.ts';
import type { NodePools } from './config/node-pools.ts';
import { expansionOf, featuresOf, topologyOf } from './features.ts';
import { logListening } from './listening.ts';
import type { Parts } from './model/parts.ts';
import { Pools } from './model/ports/pool.ts';
import { MountPaths } from './model/requests/mount-paths.ts';
import { Catalogue } from './model/state/catalogue.ts';
import { Copies } from './model/state/copies.ts';
import { Holds } from './model/state/holds.ts';
import { Locations } from './model/state/locations.ts';
import { MountIndex } from './model/state/mount-index.ts';
import { Recounts } from './model/state/recounts.ts';
import { SharedReservations } from './model/state/shared-reservations.ts';
import type { OnStep } from './model/steps.ts';
import type { Monitoring, MonitoringParts } from './monitoring.ts';
import { EncryptedDevices } from './mounts/encrypted-devices.ts';
import { kernelPorts, startLookups } from './mounts/kernel-ports.ts';
import { LoopDevices } from './mounts/loop-devices.ts';
import { hostError } from './mounts/mount-error.ts';
import { nodeKeyIn } from './mounts/node-key.ts';
import { callLogger } from './observability/call-log.ts';
import { copyLogger, findingLogger } from './observability/health-log.ts';
import type { HttpExchange } from './observability/http/http-server.ts';
import type { Logger } from './observability/logger.ts';
import { type Options, resolveVolumeLimit } from './options.ts';
import { ArchiveRemoval } from './pools/archive-removal.ts';
import { PoolConfigError } from './pools/directory/pool-errors.ts';
import { DriverPools } from './pools/driver-pools.ts';
import { namedDevices, namedFormatter } from './pools/named-images.ts';
import { openPools } from './pools/open-pools.ts';
import { PoolWork, usingPools } from './pools/pool-work.ts';
import { CallMonitor } from './rpc/call-monitor.ts';
import { startServer } from './rpc/server/server.ts';
import { groupIdOf } from './rpc/server/unix-socket.ts';
import { settlesWithin } from './rpc/settles-within.ts';
import { csiServices } from './services/csi-services.ts';
import type { StatusPage } from './status/page/status-page.ts';
import type { Reporter, ReporterParts } from './status/reporter.ts';
import type { StatusServer } from './status/status-server.ts';

// A few copies at once keep a disk busy; more would only delay each other.
const COPIES_AT_ONCE = 4;

/** What a driver needs besides its options. */
export interface DriverDependencies {
  readonly version: string;
  readonly logger: Logger;
  /** Called at each step of each mutation. */
  readonly onStep: OnStep;
}

/** A driver that serves calls. */
export interface Driver {
  /** The endpoint that it listens on, as users write it. */
  readonly endpoint: string;
  /** The URL of its metrics and health checks; undefined if they are off. */
  readonly monitoringUrl: string | undefined;
  /** Finishes the calls in progress, within the drain timeout, and releases the pools. */
  stop(): Promise<void>;
}

/**
 * Creates the parts of the driver and starts serving. A pool is locked before anything in it is read, and recovered
 * before the first call.
 * @throws Error with a sentence for the operator; ConfigFileError, with one for each problem
 */
export async function startDriver(options: Options, dependencies: DriverDependencies): Promise<Driver> {
  const { logger, onStep, version } = dependencies;
  const groupId = await groupIdOf(options.socketGroup);
  const config = await loadConfig(options);
  const pools = new DriverPools(options, config.pools, { logger, onStep, modelOf: () => model });
  const watch = await watchConfig(options, config, pools, logger);
  const loops = new LoopDevices();
  const configProblem = () => watch?.problem;
  const model = await makeModel(options, { pools, loops, configProblem, modelOf: () => model }, dependencies);
  const log = await callLogger(logger, options.verbosity);
  const monitor = new CallMonitor((call) => {
    log(call);
    monitoring?.countCall(call);
  }, hostError);
  const beginWork = (kind: 'call' | 'stream') => new PoolWork(pools, kind === 'call');
  const looking = { model, beginWork: () => beginWork('stream'), logger };
  const archives = new ArchiveRemoval({ model, beginWork: () => beginWork('call'), logger });
  const reporter = await makeReporter(options, { version, ...looking });
  const page = reporter && options.statusPage ? await makePage(reporter) : undefined;
  const monitoring = await startMonitoring(options, { version, monitor, page, ...looking });
  const stopLookups = await startLookups(model.settings.mountPaths.directories);
  try {
    await openPools(pools.all, logger);
    const server = await startServer({
      endpoint: options.endpoint,
      socketAccess: { mode: options.socketMode, groupId },
      services: csiServices(model, monitor, { driverName: options.driverName, version }, beginWork),
      monitor,
    });
    const acting = { ...looking, renewReports: () => reporter?.renew() };
    const statusServer = await startStatus(options.statusSocket, reporter, acting);
    const stopTrims = await startTrims(options.trimIntervalMs, acting);
    watch?.start();
    archives.start();
    const endpoint = logListening(logger, server.endpoint, { nodeId: options.nodeId, version });
    monitoring?.setReady();
    return {
      endpoint,
      monitoringUrl: monitoring?.url,
      async stop() {
        watch?.stop();
        stopTrims?.();
        archives.stop();
        monitoring?.setStopping();
        reporter?.stop();
        await statusServer?.close();
        // A copy may take long; it starts over at the next start.
        void model.copying.copies.stop();
        const isDrained = await server.drain(options.drainTimeoutMs);
        if (!isDrained)
          logger.warn({ drainTimeoutMs: options.drainTimeoutMs }, 'drain timed out with calls in progress');
        // A large removal may take long; the next start continues it.
        const stopping = pools.stop();
        if (await settlesWithin(stopping, options.drainTimeoutMs)) await stopping;
        await loops.close();
        stopLookups();
        await monitoring?.close();
        logger.info('stopped');
      },
    };
  } catch (error) {
    await monitoring?.close();
    await pools.stop();
    stopLookups();
    throw error;
  }
}

/** Undefined if the options ask for none; prom-client takes a while to load. */
async function startMonitoring(options: Options, parts: MonitoringParts): Promise<Monitoring | undefined> {
  if (options.httpEndpoint === undefined) return undefined;
  return (await import('./monitoring.ts')).startMonitoring(options.httpEndpoint, options, parts);
}

/** Undefined if the options ask for neither a socket nor a page. */
async function makeReporter(
  { statusSocket, statusPage, driverName: name, nodeId }: Options,
  { version, model, ...parts }: Omit<ReporterParts, 'driver'> & { version: string },
): Promise<Reporter | undefined> {
  if (statusSocket === undefined && !statusPage) return undefined;
  const { Reporter } = await import('./status/reporter.ts');
  const { topology } = model.settings;
  const startedAt = model.now().toISOString();
  const driver = { name, version, nodeId, ...(topology ? { topology } : {}), startedAt };
  return new Reporter({ driver, model, ...parts });
}

async function makePage(reporter: Reporter): Promise<StatusPage> {
  return (await import('./status/page/status-page.ts')).statusPage(reporter);
}

/** @returns a function that ends them; undefined without */
async function startTrims(intervalMs: number, parts: ActionParts): Promise<(() => void) | undefined> {
  if (intervalMs === 0) return undefined;
  return (await import('./actions/trim-schedule.ts')).scheduleTrims(intervalMs, parts);
}

/** Undefined without a socket for it. */
async function startStatus(
  path: string | undefined,
  reporter: Reporter | undefined,
  parts: ActionParts,
): Promise<StatusServer | undefined> {
  if (path === undefined || !reporter) return undefined;
  const serve: HttpExchange = async (request, response) => {
    const [{ serveAction }, { actions }] = await Promise.all([
      import('./actions/serve-action.ts'),
      import('./actions/actions.ts'),
    ]);
    await serveAction(request, response, parts, actions);
  };
  const exchanges = new Map([[actionPath, serve]]);
  const { startStatusServer } = await import('./status/status-server.ts');
  return startStatusServer(path, { reporter, exchanges, logger: parts.logger });
}

/** The text of the configuration file, and its pools; none without a file. What reads one takes a while to load. */
async function loadConfig(options: Options): Promise<{ text: string; pools: NodePools }> {
  const { configPath } = options;
  if (configPath === undefined) return { text: '', pools: { here: [], elsewhere: new Set() } };
  const { nodePoolsIn, readConfig } = await import('./config/config-file.ts');
  const text = await readConfig(configPath);
  return { text, pools: nodePoolsIn(configPath, text, options) };
}

/** Applies later changes of the configuration file; undefined without a file. */
async function watchConfig(
  options: Options,
  { text }: { text: string },
  pools: DriverPools,
  logger: Logger,
): Promise<ConfigWatch | undefined> {
  const { configPath } = options;
  if (configPath === undefined) return undefined;
  const apply = async (changed: NodePools) => {
    try {
      await pools.reconfigure(changed);
    } catch (error) {
      if (!(error instanceof PoolConfigError)) throw error;
      const problem = `${error.message}; a pool that is no longer listed stays until the next start`;
      throw new ConfigFileError(configPath, [problem], { cause: error });
    }
  };
  const { ConfigWatch } = await import('./config/config-watch.ts');
  return new ConfigWatch({ path: configPath, text, flags: options }, apply, logger);
}

async function makeModel(
  options: Options,
  {
    pools,
    loops,
    configProblem,
    modelOf,
  }: Pick<Parts, 'configProblem'> & { pools: DriverPools; loops: LoopDevices; modelOf: () => Parts },
  { logger, onStep }: DriverDependencies,
): Promise<Parts> {
  const ports = kernelPorts();
  const { paths, mounts } = ports;
  const realKubeletDir = await realpath(options.kubeletDir).catch(() => options.kubeletDir);
  return {
    catalogue: new Catalogue(new Pools(pools.all, () => pools.elsewhere), {
      ids: new Set(options.abandonedPools),
      onDelete: (id, poolId) =>
        logger.warn({ id, poolId }, 'counted as deleted: its pool was abandoned (--abandoned-pools)'),
    }),
    host: {
      ...ports,
      locations: new Locations(paths, mounts),
      devices: namedDevices(new EncryptedDevices(loops), () => pools.all),
      formatter: namedFormatter(new KernelFormatter(), () => pools.all),
      blockMaps: new KernelBlockMaps(),
      mountIndex: new MountIndex(paths, mounts),
      nodeKey: nodeKeyIn(options.encryptionKeyFile),
    },
    copying: { copies: new Copies(COPIES_AT_ONCE, copyLogger(logger)), sharing: new SharedReservations() },
    recounts: new Recounts(() => modelOf().catalogue, usingPools(pools.all)),
    holds: new Holds(),
    settings: {
      topology: topologyOf(options),
      node: { id: options.nodeId, volumeLimit: resolveVolumeLimit(options, Math.random) },
      mountPaths: new MountPaths(options.kubeletDir, realKubeletDir, options.mountDirs, () =>
        pools.all.map((pool) => pool.path),
      ),
      limits: {
        maximumVolumeBytes: options.maxVolumeSizeBytes,
        maximumNodeExpansionBytes: options.maxVolumeSizeNodeBytes,
        overcommitThousandths: options.overcommitThousandths,
      },
      expansion: expansionOf(options),
      features: featuresOf(options),
    },
    onStep,
    onFinding: findingLogger(logger),
    configProblem,
    now: () => new Date(),
  };
}
