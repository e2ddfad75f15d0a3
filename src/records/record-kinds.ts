import { join } from 'node:path';
import { errno, errnoOf, isErrno } from '../kernel/calls/errno.ts';
import { directoryNameOf } from '../model/objects/object-id.ts';
import type { GroupSnapshot, Snapshot } from '../model/objects/snapshot.ts';
import type { Stored } from '../model/objects/stored.ts';
import type { Volume } from '../model/objects/volume.ts';
import { readOwnFile } from './own-file.ts';
import type { PoolLayout } from './pool-layout.ts';
import {
  decodeGroupRecord,
  decodeSnapshotRecord,
  encodeGroupRecord,
  encodeSnapshotRecord,
} from './snapshot-record.ts';
import { decodeVolumeRecord, encodeVolumeRecord } from './volume-record.ts';

/** How objects of one kind are stored. */
export interface RecordKind<Kind extends Stored> {
  /** The directory of the pool that holds them. */
  readonly home: keyof PoolLayout & ('volumes' | 'snapshots' | 'groups' | 'retained');
  /** The name of the record in an object's directory. */
  readonly recordName: string;
  /** The names of the steps that create and remove an object. */
  readonly creation: 'create' | 'snapshot' | 'group';
  readonly removal: 'delete' | 'delete snapshot' | 'delete group';
  /** The subdirectories of an object's directory that belong to the object. */
  directoriesIn(object: Kind): string[];
  encode(object: Kind): string;
  /** @throws Error that says what is wrong with the text */
  decode(text: string): Kind;
  /** The same object in the pool where it was found, which may have been renamed. */
  inPool(object: Kind, pool: string): Kind;
}

export const volumeRecords: RecordKind<Volume> = {
  home: 'volumes',
  recordName: 'volume.json',
  creation: 'create',
  removal: 'delete',
  directoriesIn: () => [],
  encode: encodeVolumeRecord,
  decode: decodeVolumeRecord,
  inPool: (volume, pool) => ({ ...volume, pool }),
};

/** Deleted volumes that are kept for their owner. */
export const retainedRecords: RecordKind<Volume> = { ...volumeRecords, home: 'retained' };

export const snapshotRecords: RecordKind<Snapshot> = {
  home: 'snapshots',
  recordName: 'snapshot.json',
  creation: 'snapshot',
  removal: 'delete snapshot',
  directoriesIn: () => [],
  encode: encodeSnapshotRecord,
  decode: decodeSnapshotRecord,
  inPool: (snapshot, pool) => ({ ...snapshot, pool }),
};

export const groupRecords: RecordKind<GroupSnapshot> = {
  home: 'groups',
  recordName: 'group.json',
  creation: 'group',
  removal: 'delete group',
  directoriesIn: ({ snapshots }) => snapshots.map(({ id }) => directoryNameOf(id)),
  encode: encodeGroupRecord,
  decode: decodeGroupRecord,
  inPool: (group, pool) => ({
    ...group,
    pool,
    snapshots: group.snapshots.map((snapshot) => ({ ...snapshot, pool })),
  }),
};

/** The object that a directory holds, or held before its content was removed. */
export type Remembered =
  | { readonly kind: 'volume'; readonly volume: Volume }
  | { readonly kind: 'snapshot'; readonly snapshot: Snapshot }
  | { readonly kind: 'group'; readonly group: GroupSnapshot };

/**
 * Reads the record in a directory, of any kind; undefined if there is none that can be parsed.
 * @throws a node:fs error that says nothing about the content of the record, such as EMFILE or EIO
 */
export async function readAnyRecord(directory: string): Promise<Remembered | undefined> {
  const volume = await readIfSound(directory, volumeRecords);
  if (volume) return { kind: 'volume', volume };
  const snapshot = await readIfSound(directory, snapshotRecords);
  if (snapshot) return { kind: 'snapshot', snapshot };
  const group = await readIfSound(directory, groupRecords);
  return group && { kind: 'group', group };
}

async function readIfSound<Kind extends Stored>(
  directory: string,
  kind: RecordKind<Kind>,
): Promise<Kind | undefined> {
  try {
    return kind.decode(await readOwnFile(join(directory, kind.recordName)));
  } catch (error) {
    // The record is missing or cannot be parsed, or the directory is a file.
    if (errnoOf(error) === undefined || isErrno(error, errno.ENOENT, errno.ENOTDIR)) return undefined;
    throw error;
  }
}
