import { VolumeError } from '../model/errors.ts';
import type { Account } from '../model/objects/account.ts';
import type { FileSystemUsage } from '../model/ports/file-systems-port.ts';
import {
  type Pool,
  type PoolAbilities,
  type PoolRecords,
  Pools,
  type RecordedErrors,
  type Removals,
} from '../model/ports/pool.ts';
import type { FreezeMarks } from '../model/ports/ports.ts';
import type { UsePool } from '../model/state/recounts.ts';
import type { DiskReserve } from '../units/disk-reserve.ts';
import type { DiskPool } from './disk-pool.ts';
import type { DriverPools } from './driver-pools.ts';
import type { PoolUse } from './uses.ts';

/**
 * The pools as one task uses them: it enters each pool when it first checks that the pool is reachable, and leaves all
 * at its end. If one of them disappears in between, the task must not be acknowledged.
 */
export class PoolWork {
  readonly pools: Pools;
  private readonly all: readonly EnteredPool[];
  private loss: VolumeError | undefined;
  // Few calls ask for these.
  private lostController: AbortController | undefined;
  private goneController: AbortController | undefined;
  private isAbandoned = false;

  /** @param keepsSlots as in `DiskPool.enter` */
  constructor({ all, elsewhere }: Pick<DriverPools, 'all' | 'elsewhere'>, keepsSlots: boolean) {
    this.all = all.map((pool) => new EnteredPool(pool, this, keepsSlots));
    this.pools = new Pools(this.all, () => elsewhere);
  }

  /** Aborted when one of the pools in use has disappeared. */
  get lost(): AbortSignal {
    this.lostController ??= new AbortController();
    if (this.loss) this.lostController.abort(this.loss);
    return this.lostController.signal;
  }

  /** @throws VolumeError unavailable: one of the pools in use has disappeared */
  throwIfLost(): void {
    if (this.loss) throw this.loss;
  }

  /** One of the pools in use has disappeared. */
  lose(reason: VolumeError): void {
    this.loss ??= reason;
    this.lostController?.abort(reason);
    this.goneController?.abort(reason);
  }

  /** Aborted when no caller waits for the task any more, or one of the pools in use has disappeared. */
  get gone(): AbortSignal {
    this.goneController ??= new AbortController();
    if (this.loss) this.goneController.abort(this.loss);
    if (this.isAbandoned) this.goneController.abort(abandonedError());
    return this.goneController.signal;
  }

  /** No caller waits for the task any more. */
  abandon(): void {
    this.isAbandoned = true;
    this.goneController?.abort(abandonedError());
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
  checkResponding(): () => VolumeError | undefined {
    const unresponsive = new Set(this.all.filter((pool) => pool.isInUse));
    for (const pool of unresponsive) void pool.waitForResponse().finally(() => unresponsive.delete(pool));
    return () => {
      const [first] = unresponsive;
      return first?.unresponsiveError();
    };
  }
}

function abandonedError(): VolumeError {
  return new VolumeError('aborted', 'the callers have gone before the work began');
}

/** A pool, and one task's use of it. */
class EnteredPool implements Pool {
  readonly name: string;
  readonly account: Account;
  readonly classes: ReadonlyMap<string, Account>;
  private readonly pool: DiskPool;
  private readonly work: PoolWork;
  private readonly keepsSlot: boolean;
  private entering: Promise<PoolUse> | undefined;
  private use: PoolUse | undefined;
  private unmountCount = 0;

  constructor(pool: DiskPool, work: PoolWork, keepsSlot: boolean) {
    this.name = pool.name;
    this.account = pool.account;
    this.classes = pool.classes;
    this.pool = pool;
    this.work = work;
    this.keepsSlot = keepsSlot;
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

  get diskReserve(): DiskReserve {
    return this.pool.diskReserve;
  }

  get removals(): Removals {
    return this.pool.removals;
  }

  acceptDisk(how?: { readonly isDryRun: boolean }): Promise<boolean> {
    return this.pool.acceptDisk(how);
  }

  retryRemoval(directory: string): Promise<string | undefined> {
    return this.pool.retryRemoval(directory);
  }

  get sharesSystemDisk(): boolean | undefined {
    return this.pool.sharesSystemDisk;
  }

  get lost(): AbortSignal {
    return this.work.lost;
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

  async withUnmountSlot<T>(work: () => Promise<T>): Promise<T> {
    this.unmountCount++;
    try {
      return await this.pool.withUnmountSlot(work);
    } finally {
      this.unmountCount--;
    }
  }

  async waitOutside(wait: (gone: AbortSignal) => Promise<void>): Promise<void> {
    const { use, keepsSlot } = this;
    use?.releaseSlot();
    try {
      await wait(this.work.gone);
      if (keepsSlot) await use?.regainSlot();
    } catch (error) {
      // Without a place, the end of the call must not ask the disk.
      this.leave();
      throw error;
    }
  }

  async thawMarked(volumeId: string): Promise<boolean> {
    return this.source.thawMarked(volumeId);
  }

  usage(): Promise<FileSystemUsage> {
    return this.pool.usage();
  }

  recordedErrors(): Promise<RecordedErrors | undefined> {
    return this.pool.recordedErrors();
  }

  reserveProjectId(): Promise<number> {
    return this.pool.reserveProjectId();
  }

  get isInUse(): boolean {
    return this.entering !== undefined || this.unmountCount > 0;
  }

  async checkReachable(): Promise<void> {
    if (this.use) {
      await this.use.confirm();
      return;
    }
    this.entering ??= this.pool.enter((reason) => this.work.lose(reason), this.keepsSlot);
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

  waitForResponse(): Promise<void> {
    return this.pool.waitForResponse();
  }

  unresponsiveError(): VolumeError {
    return this.pool.unresponsiveError();
  }

  /** The connection in use, or the pool itself until there is one. */
  private get source(): Pick<Pool, 'abilities' | 'records' | 'freezeMarks' | 'backends' | 'thawMarked'> {
    if (!this.use) return this.pool;
    this.work.throwIfLost();
    return this.use.connection;
  }
}

/**
 * Lets a long background task use a pool without holding a slot that calls wait for, until the pool disappears or is
 * stopped.
 */
export function usingPools(pools: readonly DiskPool[]): UsePool {
  return async (poolName, work) => {
    const pool = pools.find(({ name }) => name === poolName);
    if (!pool) return;
    const stopping = new AbortController();
    const use = await pool.enter((reason) => stopping.abort(reason), false);
    try {
      await work(AbortSignal.any([stopping.signal, pool.stopping]));
    } finally {
      use.end();
    }
  };
}
