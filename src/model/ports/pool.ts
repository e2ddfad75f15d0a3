import type { DiskReserve } from '../../units/disk-reserve.ts';
import { quote, VolumeError } from '../errors.ts';
import type { Account } from '../objects/account.ts';
import type { RecordedObject } from '../objects/object-index.ts';
import type { GroupSnapshot, Snapshot } from '../objects/snapshot.ts';
import type { BackendKind, SubvolumeAttributes, Volume } from '../objects/volume.ts';
import type { FileSystemUsage } from './file-systems-port.ts';
import type { Backend, FreezeMarks, Records, VolumeNames } from './ports.ts';

/** How a pool provides directory volumes: the best kind that its file system supports. */
export type DirectoryAbility =
  | { readonly backend: 'directory' }
  | { readonly backend: 'quota' }
  | {
      readonly backend: 'subvolume';
      readonly isLimited: boolean;
      readonly attributes?: SubvolumeAttributes | undefined;
    };

/** The kinds of volumes that a pool supports. */
export interface PoolAbilities {
  readonly directories: DirectoryAbility;
  /** Whether files can be attached as block devices. */
  readonly hasImages: boolean;
  /** Whether copying a file takes no time and no space: the copy shares the blocks of the original (reflink). */
  readonly sharesBlocks: boolean;
}

/** The records of a pool. */
export interface PoolRecords {
  readonly volumes: Records<Volume>;
  /** Snapshots that are in no group. */
  readonly snapshots: Records<Snapshot>;
  /** Groups, each with its snapshots in its directory. */
  readonly groups: Records<GroupSnapshot>;
  /** Volumes that were deleted and are kept: retained for their owner, or archived. `Records.retain` puts them here. */
  readonly retained: Pick<Records<Volume>, 'load' | 'directoryOf' | 'remove' | 'restore'>;
  readonly names: VolumeNames;
}

/** Deleted content that several attempts could not remove. */
export interface StuckRemoval {
  readonly directory: string;
  /** The error of the last attempt, which names the file. */
  readonly reason: string;
}

/** The deleted content that is still to be removed. */
export interface Removals {
  /** The number of directories, including those whose removal failed and is retried. */
  readonly pendingCount: number;
  readonly failingCount: number;
  readonly stuck: readonly StuckRemoval[];
}

/** Nothing is to be removed, or the disk is missing. */
export const noRemovals: Removals = { pendingCount: 0, failingCount: 0, stuck: [] };

/**
 * A named directory that contains volumes. If its disk is missing, everything but its name, id and path is a
 * VolumeError unavailable until `checkReachable` finds the disk again.
 */
export interface Pool {
  readonly name: string;
  /** Eight hexadecimal digits, part of the id of each volume created in it. */
  readonly id: string;
  /** Its path, with symbolic links resolved. */
  readonly path: string;
  readonly abilities: PoolAbilities;
  readonly records: PoolRecords;
  readonly freezeMarks: FreezeMarks;
  readonly backends: Readonly<Record<BackendKind, Backend>>;
  /** The bytes reserved for all its volumes. */
  readonly account: Account;
  /** The same for each accounting class in it, by name. */
  readonly classes: ReadonlyMap<string, Account>;
  /** The bytes reserved on its disk for volumes with an enforced size, including those of other pools on that disk. */
  readonly disk: Account;
  /** The part of its disk that is never promised to its volumes. */
  readonly diskReserve: DiskReserve;
  /** `noRemovals` while its disk is missing. */
  readonly removals: Removals;
  /**
   * Tries again now to remove deleted content that could not be removed.
   * @returns why it cannot be removed; undefined if nothing is left of it
   */
  retryRemoval(directory: string): Promise<string | undefined>;
  /** Whether its disk is also that of the node's root or of the kubelet; undefined until that is known. */
  readonly sharesSystemDisk: boolean | undefined;
  /** Aborted, with a VolumeError unavailable, if the disk disappears while work uses it. */
  readonly lost: AbortSignal;
  /**
   * Checks that its disk is present, and finds a disk that has come back. After this call the pool stays as it is
   * until the calling work ends: its records are not read again, so look objects up after this call and not before.
   * @throws VolumeError unavailable, naming the pool
   */
  checkReachable(): Promise<void>;
  /**
   * Uses the pool at its path from now on, although it is on another file system than before: it was copied, or its file
   * system has a new UUID. Does nothing if it is on the same one.
   * @returns whether it was on another one
   * @throws VolumeError precondition: another pool, or none, is at the path; unavailable: it cannot be opened
   */
  acceptDisk(how?: { readonly isDryRun: boolean }): Promise<boolean>;
  /**
   * Unmounts or detaches a volume in this pool, even if its disk is missing: a disk that hangs keeps a limited number
   * of these waiting.
   * @throws VolumeError unavailable: that many wait already
   */
  withUnmountSlot<T>(work: () => Promise<T>): Promise<T>;
  /**
   * Waits for something without taking up one of the places for calls. On failure, the calling work must use the pool no more.
   * @param wait its signal is aborted when no caller waits for the work any more, or the disk has disappeared
   * @throws its error; VolumeError unavailable: no place becomes free afterwards
   */
  waitOutside(wait: (gone: AbortSignal) => Promise<void>): Promise<void>;
  /**
   * Thaws the file system of a volume that an earlier copy left marked, and removes the mark.
   * @returns false if it cannot be thawed; the reason is logged
   */
  thawMarked(volumeId: string): Promise<boolean>;
  /** The space of its file system. */
  usage(): Promise<FileSystemUsage>;
  /** The errors that its file system has recorded; undefined if there are none, or it does not record them. */
  recordedErrors(): Promise<RecordedErrors | undefined>;
  /** An unused project id on its disk, for a new volume. */
  reserveProjectId(): Promise<number>;
}

/** The errors that the file system of a pool has recorded. */
export type RecordedErrors =
  /** Since it was last checked. */
  | { readonly fsType: 'ext4'; readonly count: number }
  /** Since its counters were reset: their names and values. */
  | { readonly fsType: 'btrfs'; readonly counters: string };

export const defaultPoolName = 'default';

/** The names of the pools that only other nodes have. */
export type ElsewherePools = ReadonlySet<string>;

const nowhere: ElsewherePools = new Set();

/** All pools of this driver. */
export class Pools {
  /** May grow while the driver runs. */
  readonly all: readonly Pool[];
  private readonly elsewhere: () => ElsewherePools;

  constructor(all: readonly Pool[], elsewhere = () => nowhere) {
    this.all = all;
    this.elsewhere = elsewhere;
  }

  find(name: string): Pool | undefined {
    return this.all.find((pool) => pool.name === name);
  }

  /** Whether only other nodes have the pool with this name. */
  isElsewhere(name: string): boolean {
    return this.find(name) === undefined && this.elsewhere().has(name);
  }

  /** The pool that always exists, the state directory. */
  get default(): Pool {
    return this.named(defaultPoolName);
  }

  /** The pool of an object; objects are only ever loaded from existing pools. */
  of({ pool }: Pick<RecordedObject, 'pool'>): Pool {
    return this.named(pool);
  }

  withId(poolId: string): Pool | undefined {
    return this.all.find((pool) => pool.id === poolId);
  }

  private named(name: string): Pool {
    const pool = this.find(name);
    if (!pool) throw new VolumeError('unavailable', `unknown pool ${quote(name)}`);
    return pool;
  }
}
