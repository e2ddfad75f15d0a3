import { newObjectId } from '../../../src/model/objects/object-id.ts';
import type { GroupSnapshot, Snapshot } from '../../../src/model/objects/snapshot.ts';
import { fixedNow } from './fakes/model.ts';

/** A snapshot of a plain directory, in no group. */
export function exampleSnapshot(changes: Partial<Snapshot> = {}): Snapshot {
  return {
    id: newObjectId('s', 'aaaaaaaa', Buffer.alloc(4)),
    name: 's',
    pool: 'default',
    groupId: undefined,
    sourceVolumeId: 'v',
    content: { backend: 'directory' },
    sizeBytes: 1024n ** 2n,
    occupiedBytes: undefined,
    root: { uid: 0, gid: 0, mode: 0o777 },
    lineage: 'v',
    origin: undefined,
    createdAt: fixedNow.toISOString(),
    ...changes,
  };
}

/** A group with a snapshot of each of these volumes. */
export function exampleGroup(
  sourceVolumeIds: readonly string[],
  changes: Partial<GroupSnapshot> = {},
): GroupSnapshot {
  const { id = newObjectId('g', 'aaaaaaaa', Buffer.alloc(4)) } = changes;
  const snapshots = sourceVolumeIds.map((sourceVolumeId) =>
    exampleSnapshot({ id: `${sourceVolumeId}-in-${id}`, name: undefined, groupId: id, sourceVolumeId }),
  );
  return { id, name: 'g', pool: 'default', snapshots, createdAt: fixedNow.toISOString(), ...changes };
}
