import { copyContent } from '../copying/copy-content.ts';
import { type FoundSource, sourceVolume } from '../copying/find-source.ts';
import { quote, VolumeError } from '../errors.ts';
import { findNamed } from '../find/find-object.ts';
import { newObjectId } from '../objects/object-id.ts';
import type { Snapshot, SnapshotContent } from '../objects/snapshot.ts';
import { checkAccessibility, isAccessible, type TopologySegments } from '../objects/topology.ts';
import type { Volume } from '../objects/volume.ts';
import type { Model } from '../state/model.ts';

/** The parsed CreateSnapshot request. */
export interface SnapshotSpec {
  readonly name: string;
  readonly sourceVolumeId: string;
  /** Topologies; the snapshot must be accessible from one of them. Empty if any will do. */
  readonly requisite: readonly TopologySegments[];
}

/**
 * Takes a snapshot of a volume, in its pool, or returns the existing one with this name (CSI specification,
 * CreateSnapshot). The caller holds the name, and shares the volume.
 * @throws VolumeError already-exists: the snapshot with this name is of another volume
 */
export async function createSnapshot(model: Model, spec: SnapshotSpec): Promise<Snapshot> {
  const existing = await findNamed(model, model.snapshots, spec.name);
  if (existing) return answerExisting(model, existing, spec);
  const source = await sourceVolume(model, spec.sourceVolumeId);
  // If the pool has just come back, it may hold the snapshot.
  const found = await findNamed(model, model.snapshots, spec.name);
  if (found) return answerExisting(model, found, spec);
  if (model.topology) checkAccessibility(spec.requisite, model.topology);
  const { name } = spec;
  const snapshot = planSnapshot(source, {
    id: newObjectId(name, source.pool.id),
    name,
    groupId: undefined,
    createdAt: model.now().toISOString(),
  });
  return model.copies.making(snapshot.id, async () => {
    try {
      await source.pool.records.snapshots.add(snapshot, (directory) =>
        copySnapshot(model, source, snapshot, directory),
      );
      model.snapshots.add(snapshot);
      return snapshot;
    } finally {
      model.sharing.end(snapshot.id);
    }
  });
}

/** The snapshot of a volume, if it is taken now. */
export function planSnapshot(
  { volume, pool, sizeBytes, occupiedBytes, lineage }: FoundSource & { volume: Volume },
  identity: Pick<Snapshot, 'id' | 'name' | 'groupId' | 'createdAt'>,
): Snapshot {
  return {
    ...identity,
    pool: pool.name,
    sourceVolumeId: volume.id,
    content: snapshotContent(volume),
    sizeBytes,
    occupiedBytes,
    root: volume.root,
    lineage,
  };
}

/** Copies a single volume into the directory of its snapshot. */
function copySnapshot(
  model: Model,
  source: FoundSource,
  { id, content: { backend } }: Snapshot,
  directory: string,
): Promise<void> {
  const { pool, original } = source;
  const copy = { id, source, pool, backend, reservedBytes: undefined };
  return copyContent(model, copy, (control) => pool.backends[backend].snapshot(directory, original, control));
}

// A directory with a quota is copied without the quota: a snapshot does not grow.
function snapshotContent({ content }: Volume): SnapshotContent {
  switch (content.backend) {
    case 'directory':
    case 'quota':
      return { backend: 'directory' };
    case 'subvolume':
      return { backend: 'subvolume' };
    case 'image':
      return { backend: 'image', use: content.use };
  }
}

function answerExisting(model: Model, existing: Snapshot, spec: SnapshotSpec): Snapshot {
  const difference = differenceOf(model, existing, spec);
  if (difference === undefined) return existing;
  const message = `a snapshot named ${quote(spec.name)} exists already, ${difference}`;
  throw new VolumeError('already-exists', message, { about: 'name' });
}

function differenceOf(model: Model, { sourceVolumeId }: Snapshot, spec: SnapshotSpec): string | undefined {
  if (sourceVolumeId !== spec.sourceVolumeId) return `of volume ${quote(sourceVolumeId)}`;
  if (model.topology && !isAccessible(spec.requisite, model.topology)) {
    return `with topology ${JSON.stringify(model.topology)}`;
  }
  return undefined;
}
