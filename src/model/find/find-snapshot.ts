import { posix } from 'node:path';
import { quote, VolumeError } from '../errors.ts';
import { directoryNameOf } from '../objects/object-id.ts';
import type { Snapshot } from '../objects/snapshot.ts';
import type { Model } from '../state/model.ts';
import { findObject } from './find-object.ts';

/** @throws VolumeError not-found, damaged or unavailable */
export async function existingSnapshot(model: Model, snapshotId: string): Promise<Snapshot> {
  const snapshot = await findObject(model, model.snapshots, snapshotId);
  if (snapshot) return snapshot;
  throw new VolumeError('not-found', `snapshot ${quote(snapshotId)} does not exist`);
}

/** The directory that holds a snapshot. */
export function snapshotDirectory(model: Model, snapshot: Snapshot): string {
  const { id, groupId } = snapshot;
  const { records } = model.pools.of(snapshot);
  if (groupId === undefined) return records.snapshots.directoryOf(id);
  return memberDirectory(records.groups.directoryOf(groupId), id);
}

/** The directory of a snapshot in the directory of its group. */
export function memberDirectory(groupDirectory: string, snapshotId: string): string {
  return posix.join(groupDirectory, directoryNameOf(snapshotId));
}
