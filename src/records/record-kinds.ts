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

/** How the objects of one kind are remembered. */
export interface RecordKind<Kind extends Stored> {
  /** Which directory of the pool holds them. */
  readonly home: keyof PoolLayout & ('volumes' | 'snapshots' | 'groups' | 'retained');
  /** The name of the record in an object's directory. */
  readonly recordName: string;
  /** What the steps of making and removing one are called. */
  readonly creation: 'create' | 'snapshot' | 'group';
  readonly removal: 'delete' | 'delete snapshot' | 'delete group';
  /** The directories that are in an object's own, for what belongs to it. */
  directoriesIn(object: Kind): string[];
  encode(object: Kind): string;
  /** @throws Error that says what is wrong with the text */
  decode(text: string): Kind;
  /** The same object in the pool it is found in, which may have got another name. */
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

/** Volumes that were deleted, and are kept for their owner. */
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

/** What a directory holds, or held before its content was removed. */
export type Remembered =
  | { readonly kind: 'volume'; readonly volume: Volume }
  | { readonly kind: 'snapshot'; readonly snapshot: Snapshot }
  | { readonly kind: 'group'; readonly group: GroupSnapshot };

/**
 * Reads whatever record there is in a directory; undefined where there is none that can be understood.
 * @throws a node:fs error that says nothing of what is in the record, like EMFILE or EIO
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
    // It is missing, torn or something else; or the whole directory is a file.
    if (errnoOf(error) === undefined || isErrno(error, errno.ENOENT, errno.ENOTDIR)) return undefined;
    throw error;
  }
}
