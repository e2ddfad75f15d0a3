import { isScarcity } from '../kernel/calls/passing-error.ts';
import { withPath } from '../kernel/calls/path-handle.ts';
import { Slots } from '../kernel/calls/slots.ts';
import { quote, VolumeError } from '../model/errors.ts';
import type { Account } from '../model/objects/account.ts';
import type { FileSystemUsage } from '../model/ports/mounts-port.ts';
import type { Pool, PoolAbilities, PoolRecords, StuckRemoval } from '../model/ports/pool.ts';
import type { FreezeMarks } from '../model/ports/ports.ts';
import { usageOf } from '../mounts/kernel-mounts.ts';
import { onDiskOf } from '../records/storage-error.ts';
import { UnreachablePoolError } from './directory/pool-errors.ts';
import type { PoolPlace } from './directory/pool-registry.ts';
import { endsWithin } from './ends-within.ts';
import { Heartbeat } from './heartbeat.ts';
import { connectPool, type PoolConnection, type PoolSurroundings } from './pool-connection.ts';
import { Uses } from './uses.ts';

/** What a pool needs besides its location. */
export interface PoolParts {
  readonly account: Account;
  readonly classes: ReadonlyMap<string, Account>;
  /** Checks that no two pools are the same directory or nested. */
  checkDistinct(): Promise<void>;
  /**
   * Called when the pool's records have been read again, before its id and path are updated: drops what was known of
   * it.
   */
  onReread(pool: DiskPool): void;
  /** Called right after `onReread`, with the new connection, before any call can use the pool. */
  onConnected(pool: DiskPool, connection: PoolConnection): Promise<void>;
}

/** One task's use of a pool. The pool is not reconnected while a use lasts. */
export interface PoolUse {
  readonly connection: PoolConnection;
  /**
   * Call before acknowledging anything done in the pool.
   * @throws VolumeError unavailable: the pool's disk was removed since the use began, even if it is back now
   */
  confirm(): Promise<void>;
  /** Frees this use's slot for another use; this use continues. */
  leavePlace(): void;
  end(): void;
}

interface ActiveUse {
  readonly onLost: (reason: VolumeError) => void;
}

// On a hung disk each use blocks at least one thread in the kernel, so uses are limited to a small part of all threads.
const USES_AT_ONCE = 16;
// Shorter than the timeout of the sidecars.
const ENTER_LIMIT_MS = 8_000;
// Each attempt after the first means that the disk disappeared again while the pool was being reached.
const REACH_ATTEMPTS = 3;

/**
 * The Pool port on a disk that may disappear and return. A task uses it from `enter` to `end`. When the disk
 * disappears, tasks in progress are stopped and none of them is acknowledged. Only when all have ended is the pool
 * opened and read again, so that no task of an earlier connection can interfere with a later one.
 */
export class DiskPool implements Pool {
  readonly name: string;
  readonly account: Account;
  readonly classes: ReadonlyMap<string, Account>;
  readonly lost = new AbortController().signal;
  id = '';
  path: string;
  private readonly place: PoolPlace;
  private readonly parts: PoolParts;
  private readonly surroundings: PoolSurroundings;
  private readonly places = new Slots(USES_AT_ONCE);
  private readonly takeDowns = new Slots(USES_AT_ONCE);
  private readonly uses = new Uses<ActiveUse>();
  private readonly heartbeat = new Heartbeat();
  private connection: PoolConnection | undefined;
  /** Resolves when nothing uses the previous connection any more and its lock is released. */
  private released: Promise<void> = Promise.resolve();
  private knownDisk: Account | undefined;
  private connecting: Promise<void> | undefined;
  private readonly stopped = new AbortController();

  constructor(place: PoolPlace, parts: PoolParts, surroundings: PoolSurroundings) {
    this.name = place.name;
    this.path = place.path;
    this.account = parts.account;
    this.classes = parts.classes;
    this.place = place;
    this.parts = parts;
    this.surroundings = surroundings;
  }

  /** Aborted when the driver stops. */
  get stopping(): AbortSignal {
    return this.stopped.signal;
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

  get stuckRemovals(): readonly StuckRemoval[] {
    return this.connection?.removals.stuck ?? [];
  }

  /** Stays known while the disk is away: space is still reserved for its volumes. */
  get disk(): Account {
    if (this.knownDisk) return this.knownDisk;
    throw this.unavailable('is not reachable');
  }

  async checkReachable(): Promise<void> {
    await this.using(async () => {});
  }

  /**
   * Begins a use: waits for a free slot, and for the disk.
   * @param onLost called when the disk disappears during the use
   * @param keepsPlace whether the use keeps its slot to the end; false for a use that a slow caller can prolong
   * @throws UnreachablePoolError, the errors of opening a pool, or VolumeError unavailable: the pool does not answer
   */
  async enter(onLost: ActiveUse['onLost'], keepsPlace = true): Promise<PoolUse> {
    await this.take(this.places);
    // A call that hangs keeps its slot, which limits the threads that wait for a hung disk.
    const entering = this.reach(onLost).catch((error: unknown) => {
      this.places.give();
      throw error;
    });
    if (await endsWithin(entering, ENTER_LIMIT_MS)) {
      const use = await entering;
      if (!keepsPlace) use.leavePlace();
      return use;
    }
    entering.then((use) => use.end()).catch(() => {});
    throw this.silent();
  }

  /**
   * Does background work in the pool.
   * @throws as `enter`
   */
  async using<T>(work: () => Promise<T>): Promise<T> {
    const use = await this.enter(() => {});
    try {
      return await work();
    } finally {
      use.end();
    }
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

  /** Resolves when the pool's disk has answered, even with an error. */
  async answers(): Promise<void> {
    await this.connecting?.catch(() => {});
    if (this.connection) await this.heartbeat.of(this.connection.open.layout.heartbeat);
  }

  /** Creates the error for a pool that does not answer. */
  silent(): VolumeError {
    const { count } = this.uses;
    const waiting = count === 0 ? '' : `, for which ${count} ${count === 1 ? 'call waits' : 'calls wait'}`;
    return this.unavailable(`does not answer: its disk at ${this.path} may hang${waiting}`);
  }

  async takingDown<T>(work: () => Promise<T>): Promise<T> {
    await this.take(this.takeDowns);
    try {
      return await work();
    } finally {
      this.takeDowns.give();
    }
  }

  async thawMarked(volumeId: string): Promise<boolean> {
    return this.connected().thawMarked(volumeId);
  }

  usage(): Promise<FileSystemUsage> {
    return onDiskOf(this.name, () => withPath(this.path, usageOf));
  }

  reserveProjectId(): Promise<number> {
    const { projectIds } = this.connected().disk;
    return onDiskOf(this.name, () => projectIds.reserve(this.path));
  }

  /**
   * Releases the disk.
   * @returns when nothing uses it any more
   */
  async stop(): Promise<void> {
    this.stopped.abort(this.unavailable('is not reachable: the driver is stopping'));
    await this.connecting?.catch(() => {});
    if (this.connection) this.release(this.connection);
    await this.released;
  }

  private async take(slots: Slots): Promise<void> {
    if (slots.tryTake()) return;
    try {
      await slots.take(AbortSignal.timeout(ENTER_LIMIT_MS));
    } catch {
      throw this.silent();
    }
  }

  private async reach(onLost: ActiveUse['onLost']): Promise<PoolUse> {
    for (let attempt = 1; attempt <= REACH_ATTEMPTS; attempt++) {
      // While the pool is being connected, the mounts of its volumes may not be known yet.
      if (this.connecting !== undefined || !this.connection) await this.connect();
      const { connection } = this;
      if (connection && (await this.isThere(connection))) return this.begin(connection, onLost);
    }
    throw this.unavailable('is not reachable: its disk comes and goes');
  }

  /** Whether a connection is the current one, and its disk is still in place. */
  private async isThere(connection: PoolConnection): Promise<boolean> {
    try {
      await connection.open.checkReachable();
    } catch (error) {
      // A shortage such as too many open files says nothing about the disk.
      if (error instanceof VolumeError && isScarcity(error.cause)) throw error;
      if (this.connection === connection) this.lose(error);
      return false;
    }
    return this.connection === connection && this.connecting === undefined;
  }

  private begin(connection: PoolConnection, onLost: ActiveUse['onLost']): PoolUse {
    const use: ActiveUse = { onLost };
    this.uses.add(use);
    let hasPlace = true;
    const leavePlace = () => {
      if (hasPlace) this.places.give();
      hasPlace = false;
    };
    return {
      connection,
      confirm: async () => {
        if (this.connection === connection && (await this.isThere(connection))) return;
        throw this.lostError();
      },
      leavePlace,
      end: () => {
        this.uses.delete(use);
        leavePlace();
      },
    };
  }

  private async connectOnce(): Promise<void> {
    await this.released;
    if (this.stopping.aborted) throw this.unavailable('is not reachable: the driver is stopping');
    if (this.connection) return;
    await this.recall();
    try {
      await this.parts.checkDistinct();
      await this.replaceConnection(await connectPool(this.place, this.surroundings));
    } catch (error) {
      if (error instanceof UnreachablePoolError) {
        this.id = error.poolId;
        this.path = error.path;
      }
      throw error;
    }
  }

  /** Loads the remembered id and path, so that the pool's volumes are recognised while its disk does not answer. */
  private async recall(): Promise<void> {
    if (this.id !== '') return;
    // Opening the pool reports a damaged registry.
    const known = await this.surroundings.registry.findAt(this.place).catch(() => undefined);
    if (known) {
      this.id = known.poolId;
      this.path = known.path;
    }
  }

  private async replaceConnection(connection: PoolConnection): Promise<void> {
    this.parts.onReread(this);
    this.id = connection.open.id;
    this.path = connection.open.layout.root;
    this.knownDisk = connection.disk.account;
    this.connection = connection;
    try {
      await this.parts.onConnected(this, connection);
    } catch (error) {
      this.lose(error);
      throw error;
    }
  }

  private lose(err: unknown): void {
    const { connection } = this;
    if (!connection) return;
    this.surroundings.logger.error(
      { err, pool: this.name, uses: this.uses.count },
      'pool became unreachable',
    );
    this.release(connection);
    for (const { onLost } of this.uses) onLost(this.lostError());
  }

  /** Releases a connection when nothing uses it any more. Until then its lock keeps other drivers out. */
  private release(connection: PoolConnection): void {
    this.connection = undefined;
    const release = async () => {
      const removed = connection.removals.stop();
      await this.uses.idle();
      await removed;
      await connection.open.lock.release();
    };
    this.released = release();
  }

  private connected(): PoolConnection {
    if (this.connection) return this.connection;
    throw this.unavailable('is not reachable');
  }

  private lostError(): VolumeError {
    return this.unavailable(
      `was unmounted, or its disk replaced, during the call; what the call did is found by calling again`,
    );
  }

  private unavailable(why: string): VolumeError {
    return new VolumeError('unavailable', `pool ${quote(this.name)} ${why}`);
  }
}
