import { withPath } from '../kernel/path-handle.ts';
import { usageOf } from '../mounts/kernel-mounts.ts';
import { UnreachablePoolError } from '../records/pool-errors.ts';
import type { PoolPlace } from '../records/pool-registry.ts';
import { onDiskOf } from '../records/storage-error.ts';
import type { Account } from '../volume/account.ts';
import { quote, VolumeError } from '../volume/errors.ts';
import type { FileSystemUsage } from '../volume/mounts-port.ts';
import type { Pool, PoolAbilities, PoolRecords } from '../volume/pool.ts';
import type { FreezeMarks } from '../volume/ports.ts';
import { connectPool, type PoolConnection, type PoolSurroundings } from './pool-connection.ts';

/** What a pool is told apart from its place. */
export interface PoolParts {
  readonly account: Account;
  readonly classes: ReadonlyMap<string, Account>;
  /** Makes sure that no two pools are one directory, or one inside another. */
  checkDistinct(): Promise<void>;
  /** Told each time the pool's disk is there anew, before any call can use it. */
  onConnected(pool: DiskPool, connection: PoolConnection): Promise<void>;
  /** Told when its disk is gone, while what was known of it is still there. */
  onLost(pool: DiskPool): void;
}

/** The Pool port on a disk that may go and come back. */
export class DiskPool implements Pool {
  readonly name: string;
  readonly account: Account;
  readonly classes: ReadonlyMap<string, Account>;
  id = '';
  path: string;
  private readonly place: PoolPlace;
  private readonly parts: PoolParts;
  private readonly surroundings: PoolSurroundings;
  private connection: PoolConnection | undefined;
  private connecting: Promise<void> | undefined;
  private isStopped = false;

  constructor(place: PoolPlace, parts: PoolParts, surroundings: PoolSurroundings) {
    this.name = place.name;
    this.path = place.path;
    this.account = parts.account;
    this.classes = parts.classes;
    this.place = place;
    this.parts = parts;
    this.surroundings = surroundings;
  }

  get abilities(): PoolAbilities {
    return this.connected().abilities;
  }

  get records(): PoolRecords {
    return this.connected().records;
  }

  get freezeMarks(): FreezeMarks {
    return this.connected().freezeMarks;
  }

  get backends(): Pool['backends'] {
    return this.connected().backends;
  }

  get disk(): Account {
    return this.connected().disk.account;
  }

  async checkReachable(): Promise<void> {
    const { connection } = this;
    // While it is being connected, the mounts of its volumes may not be known yet.
    if (connection && !this.connecting) {
      try {
        await connection.open.checkReachable();
        return;
      } catch (error) {
        if (this.connection === connection) this.lose(error);
      }
    }
    await this.connect();
  }

  /** Looks for the disk; several calls at once share one look. @throws UnreachablePoolError, or what opening throws */
  connect(): Promise<void> {
    this.connecting ??= this.connectOnce().finally(() => {
      this.connecting = undefined;
    });
    return this.connecting;
  }

  usage(): Promise<FileSystemUsage> {
    return onDiskOf(this.name, () => withPath(this.path, usageOf));
  }

  reserveProjectId(): Promise<number> {
    const { projectIds } = this.connected().disk;
    return onDiskOf(this.name, () => projectIds.reserve(this.path));
  }

  /** Lets the disk go. @returns when removals under way have ended */
  async stop(): Promise<void> {
    this.isStopped = true;
    const { connection } = this;
    this.connection = undefined;
    await connection?.removals.stop();
    await connection?.open.lock.release();
  }

  private async connectOnce(): Promise<void> {
    if (this.isStopped || this.connection) return;
    try {
      await this.parts.checkDistinct();
      const connection = await connectPool(this.place, this.surroundings);
      this.id = connection.open.id;
      this.path = connection.open.layout.root;
      this.connection = connection;
      await this.enter(connection);
    } catch (error) {
      if (error instanceof UnreachablePoolError) {
        this.id = error.poolId;
        this.path = error.path;
      }
      throw error;
    }
  }

  private async enter(connection: PoolConnection): Promise<void> {
    try {
      await this.parts.onConnected(this, connection);
    } catch (error) {
      this.lose(error);
      throw error;
    }
  }

  private lose(err: unknown): void {
    const { connection } = this;
    this.surroundings.logger.error({ err, pool: this.name }, 'a pool is not reachable any more');
    this.parts.onLost(this);
    this.connection = undefined;
    // The lock keeps the old file system from going away.
    void connection?.removals.stop();
    void connection?.open.lock.release();
  }

  private connected(): PoolConnection {
    if (this.connection) return this.connection;
    throw new VolumeError('unavailable', `pool ${quote(this.name)} is not reachable`);
  }
}
