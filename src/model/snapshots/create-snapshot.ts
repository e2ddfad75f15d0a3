import { copyContent } from '../copying/copy-content.ts';
import { type FoundSource, sourceVolume } from '../copying/find-source.ts';
import { inTurn } from '../copying/in-turn.ts';
import { creating } from '../copying/track-creation.ts';
import { quote, VolumeError } from '../errors.ts';
import { newObjectId } from '../objects/object-id.ts';
import type { Snapshot, SnapshotContent } from '../objects/snapshot.ts';
import { checkAccessibility, isAccessible, type TopologySegments } from '../objects/topology.ts';
import type { Volume } from '../objects/volume.ts';
import type { Parts } from '../parts.ts';
import type { Settings } from '../settings.ts';
import type { Hold, HoldMode } from '../state/holds.ts';

/** The parsed CreateSnapshot request. */
export interface SnapshotSpec {
  readonly name: string;
  /** The volume. */
  readonly source: Hold<'volume', HoldMode>;
  /** Topologies; the snapshot must be accessible from one of them. Empty if any will do. */
  readonly requisite: readonly TopologySegments[];
}

/**
 * Takes a snapshot of a volume, in its pool, or returns the existing one with this name (CSI specification,
 * CreateSnapshot).
 * @throws VolumeError already-exists: the snapshot with this name is of another volume
 */
export async function createSnapshot(
  parts: Parts<'catalogue' | 'host' | 'copying' | 'holds' | 'settings' | 'onStep' | 'now'>,
  held: Hold<'snapshot name'>,
  spec: SnapshotSpec,
): Promise<Snapshot> {
  const { catalogue } = parts;
  return catalogue.createOnce(catalogue.snapshots, held, {
    accept: (existing) => checkSame(parts.settings, existing, spec),
    prepare: () => sourceVolume(parts, spec.source.id),
    make: (source) => make(parts, spec, source),
  });
}

async function make(
  parts: Parts<'catalogue' | 'host' | 'copying' | 'holds' | 'settings' | 'onStep' | 'now'>,
  spec: SnapshotSpec,
  source: FoundSource & { volume: Volume },
): Promise<Snapshot> {
  if (parts.settings.topology) checkAccessibility(spec.requisite, parts.settings.topology);
  const { name } = spec;
  const snapshot = planSnapshot(source, {
    id: newObjectId(name, source.pool.id),
    name,
    groupId: undefined,
    createdAt: parts.now().toISOString(),
  });
  const { pool } = source;
  return inTurn(parts, [{ source, pool, backend: snapshot.content.backend }], () =>
    creating(parts, snapshot.id, async () => {
      await parts.catalogue.addSnapshot(snapshot, (directory) =>
        copySnapshot(parts, source, snapshot, directory),
      );
      return snapshot;
    }),
  );
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
    origin: undefined,
  };
}

/** Copies a single volume into the directory of its snapshot. */
function copySnapshot(
  parts: Parts<'catalogue' | 'host' | 'copying' | 'holds' | 'settings' | 'onStep'>,
  source: FoundSource,
  { id, content: { backend } }: Snapshot,
  directory: string,
): Promise<void> {
  const { pool, original } = source;
  const copy = { id, source, pool, backend, reservedBytes: undefined };
  return copyContent(parts, copy, (control) => pool.backends[backend].snapshot(directory, original, control));
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

function checkSame(settings: Settings, existing: Snapshot, spec: SnapshotSpec): Snapshot {
  const difference = differenceOf(settings, existing, spec);
  if (difference === undefined) return existing;
  const message = `a snapshot named ${quote(spec.name)} already exists ${difference}`;
  throw new VolumeError('already-exists', message, { about: 'name' });
}

function differenceOf(
  settings: Settings,
  { sourceVolumeId }: Snapshot,
  spec: SnapshotSpec,
): string | undefined {
  if (sourceVolumeId !== spec.source.id) return `for volume ${quote(sourceVolumeId)}`;
  if (settings.topology && !isAccessible(spec.requisite, settings.topology)) {
    return `with topology ${JSON.stringify(settings.topology)}`;
  }
  return undefined;
}
