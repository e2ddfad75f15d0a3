import { withDescriptor } from '../kernel/calls/descriptor.ts';
import { withPath } from '../kernel/calls/path-handle.ts';
import { recordedErrors } from '../kernel/file-systems/recorded-errors.ts';
import type { VolumeError } from '../model/errors.ts';
import type { Account } from '../model/objects/account.ts';
import type { FileSystemUsage } from '../model/ports/file-systems-port.ts';
import {
  noRemovals,
  type Pool,
  type PoolAbilities,
  type PoolRecords,
  type RecordedErrors,
  type Removals,
} from '../model/ports/pool.ts';
import type { FreezeMarks } from '../model/ports/ports.ts';
import { fileSystemUsage } from '../mounts/kernel-file-systems.ts';
import { withStorageErrors } from '../records/storage-error.ts';
import { settlesWithin } from '../rpc/settles-within.ts';
import { type DiskReserve, noReserve } from '../units/disk-reserve.ts';
import type { PoolConfig } from './directory/pool-registry.ts';
import { Heartbeat } from './heartbeat.ts';
import type { PoolConnection, PoolDependencies } from './pool-connection.ts';
import { type ActiveUse, PoolLink } from './pool-link.ts';
import { PoolPlaces } from './pool-places.ts';
import type { PoolUse } from './uses.ts';

/** What a pool needs besides its location. */
export interface PoolParts {
  readonly account: Account;
  readonly classes: ReadonlyMap<string, Account>;
  /** Checks that no two pools are the same directory or nested. */
  checkDistinct(): Promise<void>;
  /** Called when its records have been read again, before its id and path are updated: drops what was known of it. */
  onReread(pool: DiskPool): void;
  /** Called right after `onReread`, with the new connection, before any call can use the pool. */
  onConnected(pool: DiskPool, connection: PoolConnection): Promise<void>;
}

// On a hung disk each use blocks at least one thread in the kernel, so uses are limited to a small part of all threads.
const MAX_CONCURRENT_USES = 16;
// Shorter than the timeout of the sidecars.
const REACH_LIMIT_MS = 8_000;
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
  diskReserve: DiskReserve = noReserve;
  sharesSystemDisk: boolean | undefined;
  readonly lost = new AbortController().signal;
  private readonly link: PoolLink;
  private readonly useSlots = this.newPlaces();
  private readonly unmountSlots = this.newPlaces();
  private readonly heartbeat = new Heartbeat();

  constructor(config: PoolConfig, parts: PoolParts, dependencies: PoolDependencies) {
    this.name = config.name;
    this.account = parts.account;
    this.classes = parts.classes;
    const events = {
      checkDistinct: () => parts.checkDistinct(),
      onReread: () => parts.onReread(this),
      onConnected: (connection: PoolConnection) => parts.onConnected(this, connection),
    };
    this.link = new PoolLink(config, events, dependencies);
  }

  /** Aborted when the driver stops. */
  get stopping(): AbortSignal {
    return this.link.stopping;
  }

  get id(): string {
    return this.link.id;
  }

  get path(): string {
    return this.link.path;
  }

  get abilities(): PoolAbilities {
    return this.link.connected.abilities;
  }

  get records(): PoolRecords {
    return this.link.connected.records;
  }

  get freezeMarks(): FreezeMarks {
    return this.link.connected.freezeMarks;
  }

  get backends(): Pool['backends'] {
    return this.link.connected.backends;
  }

  get removals(): Removals {
    return this.link.connection?.removals.state ?? noRemovals;
  }

  acceptDisk({ isDryRun }: { isDryRun: boolean } = { isDryRun: false }): Promise<boolean> {
    return this.link.acceptDisk(isDryRun);
  }

  async retryRemoval(directory: string): Promise<string | undefined> {
    return this.link.connection?.removals.retry(directory);
  }

  /** Stays known while the disk is away: space is still reserved for its volumes. */
  get disk(): Account {
    const { diskAccount } = this.link;
    if (diskAccount) return diskAccount;
    throw this.link.unavailableError('is not reachable');
  }

  async checkReachable(): Promise<void> {
    await this.using(async () => {});
  }

  /**
   * Begins a use: waits for a free slot, and for the disk.
   * @param onLost called when the disk disappears during the use
   * @param keepsSlot whether the use keeps its slot to the end; false for a use that a slow caller can prolong
   * @throws UnreachablePoolError, the errors of opening a pool, or VolumeError unavailable: the pool does not answer
   */
  async enter(onLost: ActiveUse['onLost'], keepsSlot = true): Promise<PoolUse> {
    await this.useSlots.take();
    // A call that hangs keeps its slot, which limits the threads that wait for a hung disk.
    const entering = this.reach(onLost).catch((error: unknown) => {
      this.useSlots.release();
      throw error;
    });
    if (await settlesWithin(entering, REACH_LIMIT_MS)) {
      const use = await entering;
      if (!keepsSlot) use.releaseSlot();
      return use;
    }
    entering.then((use) => use.end()).catch(() => {});
    throw this.unresponsiveError();
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
    return this.link.connect();
  }

  /** Resolves when the pool's disk has answered, even with an error. */
  async waitForResponse(): Promise<void> {
    await this.link.settled();
    const { connection } = this.link;
    if (connection) await this.heartbeat.write(connection.open.layout.heartbeat);
  }

  /** Creates the error for a pool that does not answer. */
  unresponsiveError(): VolumeError {
    const { count } = this.link.uses;
    const waiting = count === 0 ? '' : `; ${count} ${count === 1 ? 'call is' : 'calls are'} waiting for it`;
    return this.link.unavailableError(`does not respond: its disk at ${this.path} may hang${waiting}`);
  }

  async withUnmountSlot<T>(work: () => Promise<T>): Promise<T> {
    await this.unmountSlots.take();
    try {
      return await work();
    } finally {
      this.unmountSlots.release();
    }
  }

  /** Background work has no place. */
  waitOutside(wait: (gone: AbortSignal) => Promise<void>): Promise<void> {
    return wait(this.stopping);
  }

  async thawMarked(volumeId: string): Promise<boolean> {
    return this.link.connected.thawMarked(volumeId);
  }

  usage(): Promise<FileSystemUsage> {
    return withStorageErrors(this.name, () => withPath(this.path, fileSystemUsage));
  }

  recordedErrors(): Promise<RecordedErrors | undefined> {
    return withStorageErrors(this.name, () => withDescriptor(this.path, 'r', recordedErrors));
  }

  reserveProjectId(): Promise<number> {
    const { projectIds } = this.link.connected.disk;
    return withStorageErrors(this.name, () => projectIds.reserve(this.path));
  }

  /**
   * Releases the disk.
   * @returns when nothing uses it any more
   */
  stop(): Promise<void> {
    return this.link.stop();
  }

  private newPlaces(): PoolPlaces {
    return new PoolPlaces(
      MAX_CONCURRENT_USES,
      () => this.unresponsiveError(),
      () => this.waitForResponse(),
    );
  }

  private async reach(onLost: ActiveUse['onLost']): Promise<PoolUse> {
    for (let attempt = 1; attempt <= REACH_ATTEMPTS; attempt++) {
      await this.link.ensureConnected();
      const { connection } = this.link;
      if (connection && (await this.link.isReachable(connection))) return this.begin(connection, onLost);
    }
    throw this.link.unavailableError('is not reachable: its disk keeps disappearing');
  }

  private begin(connection: PoolConnection, onLost: ActiveUse['onLost']): PoolUse {
    const use: ActiveUse = { onLost };
    this.link.uses.add(use);
    let hasSlot = true;
    const releaseSlot = () => {
      if (hasSlot) this.useSlots.release();
      hasSlot = false;
    };
    return {
      connection,
      confirm: async () => {
        if (this.link.connection === connection && (await this.link.isReachable(connection))) return;
        throw this.link.lostError();
      },
      releaseSlot,
      regainSlot: async () => {
        if (hasSlot) return;
        await this.useSlots.retake();
        hasSlot = true;
      },
      end: () => {
        this.link.uses.delete(use);
        releaseSlot();
      },
    };
  }
}
