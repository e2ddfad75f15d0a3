import { quote, VolumeError } from '../errors.ts';
import type { Account } from '../objects/account.ts';
import type { GroupSnapshot, Snapshot } from '../objects/snapshot.ts';
import type { Stored } from '../objects/stored.ts';
import type { BackendKind, Volume } from '../objects/volume.ts';
import type { FileSystemUsage } from './mounts-port.ts';
import type { Backend, FreezeMarks, Records } from './ports.ts';

/** How a pool provides directory volumes: the best that its file system can do. */
export type DirectoryAbility =
  | { readonly backend: 'directory' }
  | { readonly backend: 'quota' }
  | { readonly backend: 'subvolume'; readonly isLimited: boolean };

/** What can be made in a pool. */
export interface PoolAbilities {
  readonly directories: DirectoryAbility;
  /** Whether files can be attached as block devices. */
  readonly hasImages: boolean;
  /** Whether a copy of a file takes no time and no space: it shares the blocks of the original (reflink). */
  readonly sharesBlocks: boolean;
}

/** What is remembered in a pool. */
export interface PoolRecords {
  readonly volumes: Records<Volume>;
  /** Those that are in no group. */
  readonly snapshots: Records<Snapshot>;
  /** Groups, each with its snapshots in its directory. */
  readonly groups: Records<GroupSnapshot>;
  /** Volumes that were deleted and are kept for their owner; nobody adds or changes any. */
  readonly retained: Pick<Records<Volume>, 'load' | 'directoryOf'>;
}

/** What was deleted and cannot be removed, though it was tried several times. */
export interface StuckRemoval {
  readonly directory: string;
  /** The error of the last try, which names the file. */
  readonly reason: string;
}

/**
 * A named directory in which volumes live. Its disk may be missing; then everything but its name, id and path is a
 * VolumeError unavailable until `checkReachable` finds it again.
 */
export interface Pool {
  readonly name: string;
  /** Eight hexadecimal digits, part of the id of each volume made in it. */
  readonly id: string;
  /** Where it is, symbolic links followed. */
  readonly path: string;
  readonly abilities: PoolAbilities;
  readonly records: PoolRecords;
  readonly freezeMarks: FreezeMarks;
  readonly backends: Readonly<Record<BackendKind, Backend>>;
  /** The bytes reserved for all its volumes. */
  readonly account: Account;
  /** The same for the accounting classes inside it, by name. */
  readonly classes: ReadonlyMap<string, Account>;
  /** The bytes reserved on its disk for volumes with an enforced size, including those of other pools on that disk. */
  readonly disk: Account;
  /** Empty also while its disk is away. */
  readonly stuckRemovals: readonly StuckRemoval[];
  /** Aborted, with a VolumeError unavailable, when the disk goes away from under the work that uses it. */
  readonly lost: AbortSignal;
  /**
   * Makes sure that its disk is there, and finds one that has come back. From then on the pool stays as it is until the
   * work that asked ends: what is known of it is not read anew, so look it up after this and not before.
   * @throws VolumeError unavailable, naming the pool
   */
  checkReachable(): Promise<void>;
  /**
   * Takes something down that lies in it, also when its disk is not there: a disk that hangs keeps a limited number of
   * these waiting.
   * @throws VolumeError unavailable: that many wait already
   */
  takingDown<T>(work: () => Promise<T>): Promise<T>;
  /**
   * Thaws the file system of a volume that an earlier copy left marked, and removes the mark.
   * @returns false when it cannot be thawed; the log has the reason
   */
  thawMarked(volumeId: string): Promise<boolean>;
  /** The space of the file system it lies on. */
  usage(): Promise<FileSystemUsage>;
  /** A project id that nothing on its disk uses, for a volume that is being made. */
  reserveProjectId(): Promise<number>;
}

export const defaultPoolName = 'default';

/** All pools of this driver. */
export class Pools {
  readonly all: readonly Pool[];
  private readonly byName: ReadonlyMap<string, Pool>;

  constructor(all: readonly Pool[]) {
    this.all = all;
    this.byName = new Map(all.map((pool) => [pool.name, pool]));
  }

  find(name: string): Pool | undefined {
    return this.byName.get(name);
  }

  /** The pool that is there under every circumstance, the state directory. */
  get default(): Pool {
    return this.named(defaultPoolName);
  }

  /** The pool an object lies in; they are only ever loaded from pools there are. */
  of({ pool }: Pick<Stored, 'pool'>): Pool {
    return this.named(pool);
  }

  withId(poolId: string): Pool | undefined {
    return this.all.find((pool) => pool.id === poolId);
  }

  private named(name: string): Pool {
    const pool = this.byName.get(name);
    if (!pool) throw new VolumeError('unavailable', `there is no pool ${quote(name)}`);
    return pool;
  }
}
