import { Account } from '../model/objects/account.ts';
import type { Parts } from '../model/parts.ts';
import { defaultPoolName, type ElsewherePools } from '../model/ports/pool.ts';
import type { OnStep } from '../model/steps.ts';
import type { Logger } from '../observability/logger.ts';
import type { DiskReserve } from '../units/disk-reserve.ts';
import { checkDistinct } from './directory/pool-overlap.ts';
import { type PoolConfig, PoolRegistry } from './directory/pool-registry.ts';
import { DiskPool } from './disk-pool.ts';
import { registerPool } from './open-pools.ts';
import type { PoolConnection, PoolDependencies } from './pool-connection.ts';
import { Disks } from './probe-pool.ts';
import { systemDirectoryOnDiskOf } from './system-disk.ts';

/** The pools named on the command line. */
export interface PoolOptions {
  readonly stateDir: string;
  /** A file on another disk that remembers the state directory; undefined for none. */
  readonly stateDirMarker: string | undefined;
  readonly requireExistingStateDir: boolean;
  readonly pools: readonly PoolConfig[];
  /** Capacity of a pool, or of an accounting class in the default pool. */
  readonly capacities: readonly { readonly name: string; readonly capacityBytes: bigint }[];
  readonly overcommitThousandths: bigint;
  readonly lockTimeoutMs: number;
  readonly kubeletDir: string;
}

/** A pool of the configuration file. Its limits may change while the driver runs. */
export interface ConfiguredPool extends PoolConfig {
  /** Undefined if only the disk limits it. */
  readonly capacityBytes: bigint | undefined;
  readonly reserve: DiskReserve;
}

/** The pools of the configuration file. */
export interface ConfiguredPools {
  readonly here: readonly ConfiguredPool[];
  readonly elsewhere: ElsewherePools;
}

/** What the pools need besides their options. */
export interface PoolEnvironment {
  readonly logger: Logger;
  readonly onStep: OnStep;
  /** Returns the model that they will be part of; needed once a pool is opened. */
  readonly modelOf: () => Parts;
}

/** The pools of this driver, none of them opened yet; the default pool is the first. */
export class DriverPools {
  /** Grows when the configuration file gets a new pool. */
  readonly all: DiskPool[] = [];
  private readonly configs: PoolConfig[] = [];
  private configured: ConfiguredPools;
  private readonly options: PoolOptions;
  private readonly environment: PoolEnvironment;
  private readonly dependencies: PoolDependencies;
  private isStopped = false;

  constructor(options: PoolOptions, configured: ConfiguredPools, environment: PoolEnvironment) {
    const { logger, onStep, modelOf } = environment;
    this.options = options;
    this.configured = configured;
    this.environment = environment;
    this.dependencies = {
      registry: new PoolRegistry(options.stateDir, {
        markerPath: options.stateDirMarker,
        mustExist: options.requireExistingStateDir,
      }),
      disks: new Disks(),
      lockTimeoutMs: options.lockTimeoutMs,
      logger,
      onStep,
      onProjectStillUsed: (poolName) => modelOf().recounts.checkPool(poolName),
    };
    const ofFlags = [{ name: defaultPoolName, path: options.stateDir }, ...options.pools];
    const classes = options.capacities.filter(({ name }) => !ofFlags.some((config) => config.name === name));
    for (const config of ofFlags) {
      const capacity = options.capacities.find(({ name }) => name === config.name);
      this.add(config, capacity?.capacityBytes, config.name === defaultPoolName ? classes : []);
    }
    for (const config of configured.here) this.addConfigured(config);
  }

  /** The names of the pools that only other nodes have. */
  get elsewhere(): ElsewherePools {
    return this.configured.elsewhere;
  }

  /**
   * Applies a changed configuration file, whole or not at all: limits change and new pools are added. A pool that is no
   * longer listed, or that has another path, stays as it is until the next start.
   * @throws PoolConfigError: a new pool is inside, above or a copy of another one
   */
  async reconfigure(wanted: ConfiguredPools): Promise<void> {
    const added = wanted.here.filter(({ name }) => !this.find(name));
    if (added.length > 0) await checkDistinct([...this.configs, ...added]);
    if (this.isStopped) return;
    this.warnOfKept(wanted);
    for (const config of wanted.here) {
      if (this.configs.some(({ name, path }) => name === config.name && path === config.path))
        this.setLimits(config);
    }
    this.configured = wanted;
    for (const config of added) this.openLater(this.addConfigured(config));
  }

  /** Releases their disks. @returns when nothing uses them any more */
  async stop(): Promise<void> {
    this.isStopped = true;
    await Promise.all(this.all.map((pool) => pool.stop()));
  }

  private find(poolName: string): DiskPool | undefined {
    return this.all.find(({ name }) => name === poolName);
  }

  private addConfigured(config: ConfiguredPool): DiskPool {
    const pool = this.add(config, config.capacityBytes);
    pool.diskReserve = config.reserve;
    return pool;
  }

  private add(
    config: PoolConfig,
    capacityBytes: bigint | undefined,
    classes: PoolOptions['capacities'] = [],
  ): DiskPool {
    const { logger, modelOf } = this.environment;
    const parts = {
      account: new Account(this.limitOf(capacityBytes)),
      classes: new Map(classes.map((each) => [each.name, new Account(this.limitOf(each.capacityBytes))])),
      checkDistinct: () => checkDistinct(this.configs),
      onConnected: async (connected: DiskPool, connection: PoolConnection) => {
        await registerPool(modelOf(), connected, connection, logger);
        this.findSystemDisk(connected);
      },
      onReread: (reread: DiskPool) => modelOf().catalogue.unregisterPool(reread),
    };
    const pool = new DiskPool(config, parts, this.dependencies);
    this.configs.push(config);
    this.all.push(pool);
    return pool;
  }

  private limitOf(capacityBytes: bigint | undefined): bigint | undefined {
    if (capacityBytes === undefined) return undefined;
    return (capacityBytes * this.options.overcommitThousandths) / 1000n;
  }

  private setLimits({ name, capacityBytes, reserve }: ConfiguredPool): void {
    const pool = this.find(name);
    if (!pool) return;
    pool.account.limitBytes = this.limitOf(capacityBytes);
    pool.diskReserve = reserve;
  }

  /** The default pool remembers the others, so it is opened before them. A pool that cannot be opened now is retried. */
  private openLater(pool: DiskPool): void {
    const { logger } = this.environment;
    const opening = this.all[0]?.checkReachable().then(() => pool.connect());
    opening?.catch((err: unknown) =>
      logger.error({ err, pool: pool.name, path: pool.path }, 'pool unreachable'),
    );
  }

  private findSystemDisk(pool: DiskPool): void {
    const { logger } = this.environment;
    const { name, path } = pool;
    systemDirectoryOnDiskOf(path, this.options.kubeletDir).then(
      (sharedWith) => {
        pool.sharesSystemDisk = sharedWith !== undefined;
        if (sharedWith !== undefined)
          logger.warn(
            { pool: name, path, sharedWith },
            'pool shares its disk with the node; if it is full, pods are evicted',
          );
      },
      (err: unknown) => logger.debug({ err, pool: name, path }, 'cannot determine the disk of the pool'),
    );
  }

  private warnOfKept(wanted: ConfiguredPools): void {
    const { logger } = this.environment;
    const before = this.configs.filter(({ name }) => this.isConfigured(name));
    for (const { name, path } of before) {
      const now = wanted.here.find((config) => config.name === name);
      if (!now) logger.warn({ pool: name, path }, 'pool no longer configured; kept until the next start');
      else if (now.path !== path)
        logger.warn(
          { pool: name, path, configuredPath: now.path },
          'pool configured with another path; kept as it is until the next start',
        );
    }
  }

  /** Whether a pool is from the configuration file, and not from a flag. */
  private isConfigured(name: string): boolean {
    const { pools } = this.options;
    return name !== defaultPoolName && !pools.some((pool) => pool.name === name);
  }
}
