import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { directoryNameOf } from '../volume/object-id.ts';
import type { GroupSnapshot, Snapshot } from '../volume/snapshot.ts';
import type { Stored } from '../volume/stored.ts';
import type { Volume } from '../volume/volume.ts';
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

/** Reads whatever record there is in a directory; undefined where there is none that can be understood. */
export async function readAnyRecord(directory: string): Promise<Remembered | undefined> {
  const read = <Kind extends Stored>(kind: RecordKind<Kind>) =>
    readFile(join(directory, kind.recordName), 'utf8').then(kind.decode, () => undefined);
  const volume = await read(volumeRecords).catch(() => undefined);
  if (volume) return { kind: 'volume', volume };
  const snapshot = await read(snapshotRecords).catch(() => undefined);
  if (snapshot) return { kind: 'snapshot', snapshot };
  const group = await read(groupRecords).catch(() => undefined);
  return group && { kind: 'group', group };
}
