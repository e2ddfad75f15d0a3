import { checkSnapshotWhole, checkVolumeWhole } from '../content/content-defects.ts';
import { quote, VolumeError, type VolumeErrorKind } from '../errors.ts';
import { whyForeign } from '../find/find-object.ts';
import { type ContentSource, type ImageUse, isCapacityEnforced, type Volume } from '../objects/volume.ts';
import type { Parts } from '../parts.ts';
import type { Pool } from '../ports/pool.ts';
import type { Original } from '../ports/ports.ts';
import type { VolumeData } from '../ports/volume-data.ts';
import type { Catalogue } from '../state/catalogue.ts';
import { syncContent } from './consistent-content.ts';

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
export async function findSource(
  parts: Parts<'catalogue' | 'host'>,
  source: ContentSource,
): Promise<FoundSource> {
  if (source.kind === 'snapshot') return sourceSnapshot(parts, source.id);
  return sourceVolume(parts, source.id, contentSourceKinds);
}

/** The error kinds for a volume that cannot be copied: an inline volume, or one on another node. */
interface RefusalKinds {
  readonly inline: VolumeErrorKind;
  readonly foreign: VolumeErrorKind;
}

// The specification has a separate code for a source of the wrong kind, and the provisioner tries another node.
const contentSourceKinds: RefusalKinds = { inline: 'invalid', foreign: 'exhausted' };
// After RESOURCE_EXHAUSTED the snapshotter assumes that work may still be in progress, and would never delete the snapshot.
const snapshotSourceKinds: RefusalKinds = { inline: 'precondition', foreign: 'precondition' };

/** The same for the source of a snapshot. */
export async function sourceVolume(
  parts: Parts<'catalogue' | 'host'>,
  volumeId: string,
  refusals = snapshotSourceKinds,
): Promise<FoundSource & { volume: Volume }> {
  const volume = await parts.catalogue.find(parts.catalogue.volumes, volumeId);
  if (!volume) throw missingSourceError(parts.catalogue, 'volume', volumeId, refusals.foreign);
  if (volume.inline) {
    // It is deleted with its pod, whose termination must not wait for a copy.
    throw new VolumeError(
      refusals.inline,
      `volume ${quote(volumeId)} is an inline volume and cannot be copied`,
    );
  }
  await checkVolumeWhole(parts, volume);
  const pool = parts.catalogue.pools.of(volume);
  const { content, sharing } = volume;
  // Until data is on the disk, the space that it will occupy there is unknown.
  if (isCapacityEnforced(content)) await syncContent(parts, volume);
  const data = parts.catalogue.dataOf(volume);
  const original = await data.original();
  const isCounted = isCapacityEnforced(content) && !(await isNotEnforced(data));
  const { total } = await data.occupiedBytes();
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

async function sourceSnapshot(parts: Parts<'catalogue' | 'host'>, snapshotId: string): Promise<FoundSource> {
  const snapshot = await parts.catalogue.find(parts.catalogue.snapshots, snapshotId);
  if (!snapshot) throw missingSourceError(parts.catalogue, 'snapshot', snapshotId, 'exhausted');
  await checkSnapshotWhole(parts, snapshot);
  const pool = parts.catalogue.pools.of(snapshot);
  const { content, sizeBytes, occupiedBytes, lineage } = snapshot;
  const original = await parts.catalogue.dataOfSnapshot(snapshot).original();
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
async function isNotEnforced(data: VolumeData): Promise<boolean> {
  return (await data.faults()).some(({ kind }) => kind === 'not-held');
}

function missingSourceError(
  catalogue: Catalogue,
  kind: ContentSource['kind'],
  id: string,
  foreignKind: VolumeErrorKind,
): VolumeError {
  const foreign = whyForeign(catalogue, id);
  if (foreign !== undefined) return new VolumeError(foreignKind, `${kind} ${foreign}`);
  return new VolumeError('not-found', `${kind} ${quote(id)} does not exist`);
}
