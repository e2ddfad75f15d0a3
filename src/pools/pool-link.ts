import { isResourceShortage } from '../kernel/calls/transient-error.ts';
import { quote, VolumeError } from '../model/errors.ts';
import type { Account } from '../model/objects/account.ts';
import { acceptMoved, findMoved } from './directory/accept-disk.ts';
import { UnreachablePoolError } from './directory/pool-errors.ts';
import type { PoolConfig } from './directory/pool-registry.ts';
import { connectPool, type PoolConnection, type PoolDependencies } from './pool-connection.ts';
import { Uses } from './uses.ts';

/** A use of the pool that lasts. */
export interface ActiveUse {
  readonly onLost: (reason: VolumeError) => void;
}

/** Called before and after the pool is connected. */
export interface LinkEvents {
  /** Checks that no two pools are the same directory or nested. */
  checkDistinct(): Promise<void>;
  /** The records have been read again; called before the id and path are updated. */
  onReread(): void;
  /** Called right after `onReread`, before anything can use the new connection. */
  onConnected(connection: PoolConnection): Promise<void>;
}

/**
 * The link of a pool to its disk, which may disappear and return: at most one connection at a time. A lost connection is
 * released when its last use has ended, and only then is the disk opened and read again.
 */
export class PoolLink {
  readonly name: string;
  id = '';
  path: string;
  readonly uses = new Uses<ActiveUse>();
  /** The account of the disk. Stays known while the disk is away: space is still reserved for its volumes. */
  diskAccount: Account | undefined;
  private readonly config: PoolConfig;
  private readonly events: LinkEvents;
  private readonly dependencies: PoolDependencies;
  private current: PoolConnection | undefined;
  /** Resolves when nothing uses the previous connection any more and its lock is released. */
  private released: Promise<void> = Promise.resolve();
  private connecting: Promise<void> | undefined;
  private readonly stopped = new AbortController();

  constructor(config: PoolConfig, events: LinkEvents, dependencies: PoolDependencies) {
    this.name = config.name;
    this.path = config.path;
    this.config = config;
    this.events = events;
    this.dependencies = dependencies;
  }

  /** Aborted when the driver stops. */
  get stopping(): AbortSignal {
    return this.stopped.signal;
  }

  /** Undefined while the disk is away. */
  get connection(): PoolConnection | undefined {
    return this.current;
  }

  /** @throws VolumeError unavailable: the disk is away */
  get connected(): PoolConnection {
    if (this.current) return this.current;
    throw this.unavailableError('is not reachable');
  }

  /**
   * Looks for the disk; concurrent calls share one attempt.
   * @throws UnreachablePoolError, or the errors of opening a pool
   */
  connect(): Promise<void> {
    this.connecting ??= this.connectOnce().finally(() => {
      this.connecting = undefined;
    });
    return this.connecting;
  }

  /** Connects unless it is connected. While connecting, the mounts of its volumes may not be known yet. */
  async ensureConnected(): Promise<void> {
    if (this.connecting !== undefined || !this.current) await this.connect();
  }

  /** As `Pool.acceptDisk`. */
  async acceptDisk(isDryRun: boolean): Promise<boolean> {
    const { registry } = this.dependencies;
    const moved = await findMoved(this.config, registry);
    if (!moved || isDryRun) return moved !== undefined;
    await acceptMoved(registry, moved);
    // An attempt that has begun may have compared the disk with what was remembered before.
    await this.settled();
    await this.ensureConnected();
    return true;
  }

  /** Resolves when no attempt to connect is running. */
  async settled(): Promise<void> {
    await this.connecting?.catch(() => {});
  }

  /** Whether a connection is the current one, and its disk is still in place. */
  async isReachable(connection: PoolConnection): Promise<boolean> {
    try {
      await connection.open.checkReachable();
    } catch (error) {
      // A shortage such as too many open files says nothing about the disk.
      if (error instanceof VolumeError && isResourceShortage(error.cause)) throw error;
      if (this.current === connection) this.disconnect(error);
      return false;
    }
    return this.current === connection && this.connecting === undefined;
  }

  /**
   * Releases the disk.
   * @returns when nothing uses it any more
   */
  async stop(): Promise<void> {
    this.stopped.abort(this.unavailableError('is not reachable: the driver is stopping'));
    await this.settled();
    if (this.current) this.release(this.current);
    await this.released;
  }

  lostError(): VolumeError {
    return this.unavailableError(
      'became unreachable during the call: its disk was unmounted, replaced, or has failed; the result is unknown; retry the call',
    );
  }

  unavailableError(why: string): VolumeError {
    return new VolumeError('unavailable', `pool ${quote(this.name)} ${why}`);
  }

  private async connectOnce(): Promise<void> {
    await this.released;
    if (this.stopping.aborted) throw this.unavailableError('is not reachable: the driver is stopping');
    if (this.current) return;
    await this.loadRemembered();
    try {
      await this.events.checkDistinct();
      await this.replaceConnection(await connectPool(this.config, this.dependencies));
    } catch (error) {
      if (error instanceof UnreachablePoolError) {
        this.id = error.poolId;
        this.path = error.path;
      }
      throw error;
    }
  }

  /** Loads the remembered id and path, so that the pool's volumes are recognised while its disk does not answer. */
  private async loadRemembered(): Promise<void> {
    if (this.id !== '') return;
    // Opening the pool reports a damaged registry.
    const known = await this.dependencies.registry.findAt(this.config).catch(() => undefined);
    if (known) {
      this.id = known.poolId;
      this.path = known.path;
    }
  }

  private async replaceConnection(connection: PoolConnection): Promise<void> {
    this.events.onReread();
    this.id = connection.open.id;
    this.path = connection.open.layout.root;
    this.diskAccount = connection.disk.account;
    this.current = connection;
    try {
      await this.events.onConnected(connection);
    } catch (error) {
      this.disconnect(error);
      throw error;
    }
  }

  private disconnect(err: unknown): void {
    const connection = this.current;
    if (!connection) return;
    this.dependencies.logger.error(
      { err, pool: this.name, uses: this.uses.count },
      'pool became unreachable',
    );
    this.release(connection);
    for (const { onLost } of this.uses) onLost(this.lostError());
  }

  /** Releases a connection when nothing uses it any more. Until then its lock keeps other drivers out. */
  private release(connection: PoolConnection): void {
    this.current = undefined;
    const release = async () => {
      const removed = connection.removals.stop();
      await this.uses.idle();
      await removed;
      await connection.open.lock.release();
    };
    this.released = release();
  }
}
