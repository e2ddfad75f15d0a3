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

/** What a pool is told apart from its place. */
export interface PoolParts {
  readonly account: Account;
  readonly classes: ReadonlyMap<string, Account>;
  /** Makes sure that no two pools are one directory, or one inside another. */
  checkDistinct(): Promise<void>;
  /** Called when its records have been read anew, while the pool still is what it was: forgets what was known of it. */
  onReread(pool: DiskPool): void;
  /** Called right after that, with its new connection, before any call can use the pool. */
  onConnected(pool: DiskPool, connection: PoolConnection): Promise<void>;
}

/** One piece of work's use of a pool. As long as it lasts, the pool is not connected anew. */
export interface PoolUse {
  readonly connection: PoolConnection;
  /**
   * To be asked before anything done in the pool is acknowledged.
   * @throws VolumeError unavailable: the pool's disk was taken away since the use began, even if it is back by now
   */
  confirm(): Promise<void>;
  /** Lets another use begin in place of this one, which goes on. */
  leavePlace(): void;
  end(): void;
}

interface ActiveUse {
  readonly onLost: (reason: VolumeError) => void;
}

// A hung disk keeps each of them in the kernel with a thread or more, so they are a small part of all threads.
const USES_AT_ONCE = 16;
// Less than what sidecars wait for an answer.
const ENTER_LIMIT_MS = 8_000;
// Each round means that the disk went away again while it was being looked for.
const REACH_ATTEMPTS = 3;

/**
 * The Pool port on a disk that may go and come back. Work uses it from `enter` to `end`. When its disk goes, the work
 * in progress is stopped, none of it is acknowledged, and only when all of it has ended is the pool opened again and
 * read anew: no work of an earlier connection can meet what a later one does.
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
  /** Resolves when nothing works on the connection before any more, and its lock is released. */
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
   * Begins a use: waits for its turn, and for the disk.
   * @param onLost called when the disk goes away during the use
   * @param keepsPlace whether it keeps its place to the end; what a slow caller can draw out must not
   * @throws UnreachablePoolError, what opening throws, or VolumeError unavailable: the pool does not answer
   */
  async enter(onLost: ActiveUse['onLost'], keepsPlace = true): Promise<PoolUse> {
    await this.take(this.places);
    // What hangs keeps its place, so that a hung disk is waited for by so many threads and no more.
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

  /** Does something in the pool that no call asked for. @throws as `enter` */
  async using<T>(work: () => Promise<T>): Promise<T> {
    const use = await this.enter(() => {});
    try {
      return await work();
    } finally {
      use.end();
    }
  }

  /** Looks for the disk; several calls at once share one look. @throws UnreachablePoolError, or what opening throws */
  connect(): Promise<void> {
    this.connecting ??= this.connectOnce().finally(() => {
      this.connecting = undefined;
    });
    return this.connecting;
  }

  /** Resolves when the pool's disk has answered, if only with an error. */
  async answers(): Promise<void> {
    await this.connecting?.catch(() => {});
    if (this.connection) await this.heartbeat.of(this.connection.open.layout.heartbeat);
  }

  /** Says that the pool does not answer. */
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

  /** Lets the disk go. @returns when nothing works on it any more */
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
      // While it is being connected, the mounts of its volumes may not be known yet.
      if (this.connecting !== undefined || !this.connection) await this.connect();
      const { connection } = this;
      if (connection && (await this.isThere(connection))) return this.begin(connection, onLost);
    }
    throw this.unavailable('is not reachable: its disk comes and goes');
  }

  /** Whether a connection is the one in use, and its disk where it was. */
  private async isThere(connection: PoolConnection): Promise<boolean> {
    try {
      await connection.open.checkReachable();
    } catch (error) {
      // Too many open files say nothing of the disk.
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

  /** What is remembered of it, so that its volumes are known to be its own while its disk does not answer. */
  private async recall(): Promise<void> {
    if (this.id !== '') return;
    // What is wrong with the list of pools is reported when the pool is opened.
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

  /** Lets a connection go when nothing works on it any more. Its lock keeps every other driver away until then. */
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
