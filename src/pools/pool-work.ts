import type { VolumeError } from '../model/errors.ts';
import type { Account } from '../model/objects/account.ts';
import type { FileSystemUsage } from '../model/ports/mounts-port.ts';
import {
  type Pool,
  type PoolAbilities,
  type PoolRecords,
  Pools,
  type StuckRemoval,
} from '../model/ports/pool.ts';
import type { FreezeMarks } from '../model/ports/ports.ts';
import type { DiskPool, PoolUse } from './disk-pool.ts';

/**
 * The pools as one task uses them: it enters each pool when it first checks that the pool is reachable, and leaves all
 * at its end. If one of them disappears in between, the task must not be acknowledged.
 */
export class PoolWork {
  readonly pools: Pools;
  private readonly all: readonly HeldPool[];
  private readonly losing = new AbortController();

  /** @param keepsPlaces as in `DiskPool.enter` */
  constructor(pools: readonly DiskPool[], keepsPlaces: boolean) {
    this.all = pools.map((pool) => new HeldPool(pool, this.losing, keepsPlaces));
    this.pools = new Pools(this.all);
  }

  /** Aborted when one of the pools in use has disappeared. */
  get lost(): AbortSignal {
    return this.losing.signal;
  }

  /**
   * @throws VolumeError unavailable: one of the pools in use has disappeared, so nothing done in it may be acknowledged
   */
  async confirm(): Promise<void> {
    for (const pool of this.all) await pool.confirm();
  }

  end(): void {
    for (const pool of this.all) pool.leave();
  }

  /**
   * Asks the pools in use whether they answer.
   * @returns a function that returns the error of a pool that has not answered yet; undefined when all have
   */
  ask(): () => VolumeError | undefined {
    const silent = new Set(this.all.filter((pool) => pool.isInUse));
    for (const pool of silent) void pool.answers().finally(() => silent.delete(pool));
    return () => {
      const [first] = silent;
      return first?.silent();
    };
  }
}

/** A pool, and one task's use of it. */
class HeldPool implements Pool {
  readonly name: string;
  readonly account: Account;
  readonly classes: ReadonlyMap<string, Account>;
  readonly lost: AbortSignal;
  private readonly pool: DiskPool;
  private readonly losing: AbortController;
  private readonly keepsPlace: boolean;
  private entering: Promise<PoolUse> | undefined;
  private use: PoolUse | undefined;
  private takeDownCount = 0;

  constructor(pool: DiskPool, losing: AbortController, keepsPlace: boolean) {
    this.name = pool.name;
    this.account = pool.account;
    this.classes = pool.classes;
    this.lost = losing.signal;
    this.pool = pool;
    this.losing = losing;
    this.keepsPlace = keepsPlace;
  }

  get id(): string {
    return this.pool.id;
  }

  get path(): string {
    return this.pool.path;
  }

  get disk(): Account {
    return this.pool.disk;
  }

  get stuckRemovals(): readonly StuckRemoval[] {
    return this.pool.stuckRemovals;
  }

  get abilities(): PoolAbilities {
    return this.source.abilities;
  }

  get records(): PoolRecords {
    return this.source.records;
  }

  get freezeMarks(): FreezeMarks {
    return this.source.freezeMarks;
  }

  get backends(): Pool['backends'] {
    return this.source.backends;
  }

  async takingDown<T>(work: () => Promise<T>): Promise<T> {
    this.takeDownCount++;
    try {
      return await this.pool.takingDown(work);
    } finally {
      this.takeDownCount--;
    }
  }

  async thawMarked(volumeId: string): Promise<boolean> {
    return this.source.thawMarked(volumeId);
  }

  usage(): Promise<FileSystemUsage> {
    return this.pool.usage();
  }

  reserveProjectId(): Promise<number> {
    return this.pool.reserveProjectId();
  }

  get isInUse(): boolean {
    return this.entering !== undefined || this.takeDownCount > 0;
  }

  async checkReachable(): Promise<void> {
    if (this.use) {
      await this.use.confirm();
      return;
    }
    this.entering ??= this.pool.enter((reason) => this.losing.abort(reason), this.keepsPlace);
    try {
      this.use = await this.entering;
    } catch (error) {
      this.entering = undefined;
      throw error;
    }
  }

  async confirm(): Promise<void> {
    await this.use?.confirm();
  }

  leave(): void {
    this.use?.end();
    this.use = undefined;
    this.entering = undefined;
  }

  answers(): Promise<void> {
    return this.pool.answers();
  }

  silent(): VolumeError {
    return this.pool.silent();
  }

  /** The connection in use, or the pool itself until there is one. */
  private get source(): Pick<Pool, 'abilities' | 'records' | 'freezeMarks' | 'backends' | 'thawMarked'> {
    if (!this.use) return this.pool;
    this.lost.throwIfAborted();
    return this.use.connection;
  }
}
