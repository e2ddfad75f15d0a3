import { join } from 'node:path';
import { errno, errnoOf, isErrno } from '../kernel/calls/errno.ts';
import { directoryNameOf } from '../model/objects/object-id.ts';
import type { RecordedObject } from '../model/objects/object-index.ts';
import type { GroupSnapshot, Snapshot } from '../model/objects/snapshot.ts';
import type { Volume } from '../model/objects/volume.ts';
import { readOwnFile } from './durable-file.ts';
import type { PoolLayout } from './pool-layout.ts';
import {
  decodeGroupRecord,
  decodeSnapshotRecord,
  encodeGroupRecord,
  encodeSnapshotRecord,
} from './snapshot-record.ts';
import { decodeVolumeRecord, encodeVolumeRecord } from './volume-record.ts';

/** How objects of one kind are stored. */
export interface RecordKind<Item extends RecordedObject> {
  /** The directory of the pool that holds them. */
  readonly directoryName: keyof PoolLayout & ('volumes' | 'snapshots' | 'groups' | 'retained');
  /** The name of the record in an object's directory. */
  readonly recordName: string;
  /** The names of the steps that create and remove an object. */
  readonly creation: 'create' | 'snapshot' | 'group';
  readonly removal: 'delete' | 'delete snapshot' | 'delete group' | 'purge';
  /** The subdirectories of an object's directory that belong to the object. */
  directoriesIn(object: Item): string[];
  encode(object: Item): string;
  /** @throws Error that says what is wrong with the text */
  decode(text: string): Item;
  /** The same object in the pool where it was found, which may have been renamed. */
  inPool(object: Item, pool: string): Item;
}

export const volumeRecords: RecordKind<Volume> = {
  directoryName: 'volumes',
  recordName: 'volume.json',
  creation: 'create',
  removal: 'delete',
  directoriesIn: () => [],
  encode: encodeVolumeRecord,
  decode: decodeVolumeRecord,
  // A volume that is still here was not deleted: a crash came in between, or it was restored.
  inPool: (volume, pool) => ({ ...volume, pool, deletion: undefined }),
};

/** Deleted volumes that are kept: retained for their owner, or archived. */
export const retainedRecords: RecordKind<Volume> = {
  ...volumeRecords,
  directoryName: 'retained',
  removal: 'purge',
  inPool: (volume, pool) => ({ ...volume, pool }),
};

export const snapshotRecords: RecordKind<Snapshot> = {
  directoryName: 'snapshots',
  recordName: 'snapshot.json',
  creation: 'snapshot',
  removal: 'delete snapshot',
  directoriesIn: () => [],
  encode: encodeSnapshotRecord,
  decode: decodeSnapshotRecord,
  inPool: (snapshot, pool) => ({ ...snapshot, pool }),
};

export const groupRecords: RecordKind<GroupSnapshot> = {
  directoryName: 'groups',
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
export type AnyRecord =
  | { readonly kind: 'volume'; readonly volume: Volume }
  | { readonly kind: 'snapshot'; readonly snapshot: Snapshot }
  | { readonly kind: 'group'; readonly group: GroupSnapshot };

/**
 * Reads the record in a directory, of any kind; undefined if there is none that can be parsed.
 * @throws a node:fs error that says nothing about the content of the record, such as EMFILE or EIO
 */
export async function readAnyRecord(directory: string): Promise<AnyRecord | undefined> {
  const volume = await readIfValid(directory, volumeRecords);
  if (volume) return { kind: 'volume', volume };
  const snapshot = await readIfValid(directory, snapshotRecords);
  if (snapshot) return { kind: 'snapshot', snapshot };
  const group = await readIfValid(directory, groupRecords);
  return group && { kind: 'group', group };
}

async function readIfValid<Item extends RecordedObject>(
  directory: string,
  kind: RecordKind<Item>,
): Promise<Item | undefined> {
  try {
    return kind.decode(await readOwnFile(join(directory, kind.recordName)));
  } catch (error) {
    // The record is missing or cannot be parsed, or the directory is a file.
    if (errnoOf(error) === undefined || isErrno(error, errno.ENOENT, errno.ENOTDIR)) return undefined;
    throw error;
  }
}
