import { checkSnapshotWhole, checkVolumeWhole } from '../content/content-defects.ts';
import { quote, VolumeError, type VolumeErrorKind } from '../errors.ts';
import { findObject } from '../find/find-object.ts';
import { snapshotDirectory } from '../find/find-snapshot.ts';
import { whyForeign } from '../find/object-owner.ts';
import { type ContentSource, type ImageUse, isCapacityEnforced, type Volume } from '../objects/volume.ts';
import type { Pool } from '../ports/pool.ts';
import type { Backend, Original } from '../ports/ports.ts';
import { occupiedBytesOf } from '../space/lineage.ts';
import type { Model } from '../state/model.ts';
import { syncContent } from './steady-content.ts';

/** Content that can be the source of a volume or a snapshot. */
export interface FoundSource {
  readonly id: string;
  readonly pool: Pool;
  readonly original: Original;
  /** The use of the image; undefined for directories of any kind. */
  readonly imageUse: ImageUse | undefined;
  /** The minimum size of a volume created from it. */
  readonly sizeBytes: bigint;
  /** The space it occupies on its disk; undefined if no enforced capacity makes it known. */
  readonly occupiedBytes: bigint | undefined;
  readonly lineage: string;
  /** The volume itself; undefined for a snapshot, which does not change. */
  readonly volume: Volume | undefined;
}

/**
 * Finds the content source of a volume (CSI specification, CreateVolume, VolumeContentSource).
 * @throws VolumeError not-found; exhausted: it is on another node, so that the CO tries there; precondition: it is an
 *   image that is not whole
 */
export async function findSource(model: Model, source: ContentSource): Promise<FoundSource> {
  if (source.kind === 'snapshot') return sourceSnapshot(model, source.id);
  return sourceVolume(model, source.id, contentSourceKinds);
}

/** The error kinds for a volume that cannot be copied: an inline volume, or one on another node. */
interface RefusalKinds {
  readonly inline: VolumeErrorKind;
  readonly foreign: VolumeErrorKind;
}

// The specification has a separate code for a source of the wrong kind, and the provisioner tries another node.
const contentSourceKinds: RefusalKinds = { inline: 'invalid', foreign: 'exhausted' };
// After RESOURCE_EXHAUSTED the snapshotter assumes that work may still be in progress, and would never delete the snapshot.
const cutKinds: RefusalKinds = { inline: 'precondition', foreign: 'precondition' };

/** The same for the source of a snapshot. */
export async function sourceVolume(
  model: Model,
  volumeId: string,
  refusals = cutKinds,
): Promise<FoundSource & { volume: Volume }> {
  const volume = await findObject(model, model.volumes, volumeId);
  if (!volume) throw missing(model, 'volume', volumeId, refusals.foreign);
  if (volume.inline) {
    // It is deleted with its pod, whose termination must not wait for a copy.
    throw new VolumeError(
      refusals.inline,
      `volume ${quote(volumeId)} is an inline volume, and is not copied`,
    );
  }
  await checkVolumeWhole(model, volume);
  const pool = model.pools.of(volume);
  const { content, sharing } = volume;
  // Until data is on the disk, the space that it will occupy there is unknown.
  if (isCapacityEnforced(content)) await syncContent(model, volume);
  const directory = pool.records.volumes.directoryOf(volumeId);
  const backend = pool.backends[content.backend];
  const original = await backend.originalIn(directory);
  const isCounted = isCapacityEnforced(content) && !(await isNotHeld(backend, directory, volume));
  const { total } = await occupiedBytesOf(model, volume);
  return {
    id: volumeId,
    pool,
    original: { pool: pool.name, ...original },
    imageUse: content.backend === 'image' ? content.use : undefined,
    sizeBytes: volume.capacityBytes,
    occupiedBytes: isCounted ? total : undefined,
    lineage: sharing.lineage,
    volume,
  };
}

async function sourceSnapshot(model: Model, snapshotId: string): Promise<FoundSource> {
  const snapshot = await findObject(model, model.snapshots, snapshotId);
  if (!snapshot) throw missing(model, 'snapshot', snapshotId, 'exhausted');
  await checkSnapshotWhole(model, snapshot);
  const pool = model.pools.of(snapshot);
  const { content, sizeBytes, occupiedBytes, lineage } = snapshot;
  const original = await pool.backends[content.backend].originalIn(snapshotDirectory(model, snapshot));
  return {
    id: snapshotId,
    pool,
    original: { pool: pool.name, ...original },
    imageUse: content.backend === 'image' ? content.use : undefined,
    sizeBytes,
    occupiedBytes,
    lineage,
    volume: undefined,
  };
}

/** Whether the capacity of a volume is recorded as enforced, but is not. */
async function isNotHeld(backend: Backend, directory: string, volume: Volume): Promise<boolean> {
  return (await backend.faultsOf(directory, volume)).some(({ kind }) => kind === 'not-held');
}

function missing(
  model: Model,
  kind: ContentSource['kind'],
  id: string,
  foreignKind: VolumeErrorKind,
): VolumeError {
  const foreign = whyForeign(model, id);
  if (foreign !== undefined) return new VolumeError(foreignKind, `${kind} ${foreign}`);
  return new VolumeError('not-found', `${kind} ${quote(id)} does not exist`);
}
