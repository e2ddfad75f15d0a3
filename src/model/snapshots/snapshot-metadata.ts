import { max } from '../../units/bigint.ts';
import { invalidValue, quote, type Subject, VolumeError } from '../errors.ts';
import { existingSnapshot } from '../find/find-object.ts';
import { headerBytesOf } from '../objects/encryption.ts';
import type { Snapshot } from '../objects/snapshot.ts';
import type { Parts } from '../parts.ts';
import type { BlockType, ByteRange, ChangeSearch, OpenImage } from '../ports/block-maps.ts';
import type { Catalogue } from '../state/catalogue.ts';
import { layOutRanges } from './block-layout.ts';
import { pagesOf } from './block-ranges.ts';

/** From which offset the blocks of a snapshot are reported, and how. */
export interface MetadataSpec {
  readonly blockType: BlockType;
  readonly startingOffset: bigint;
  /** The most ranges in one message; 0 lets the driver choose. */
  readonly maximumRanges: number;
}

/** One message of the response. */
export interface BlockMetadata {
  /** The size of the snapshot's source device. */
  readonly capacityBytes: bigint;
  readonly ranges: readonly ByteRange[];
}

// A message with this many takes about 20 KB.
const RANGES_LIMIT = 1000;

/**
 * The blocks of a snapshot that hold data (CSI specification, GetMetadataAllocated). Every block left out contains
 * only zeros. Yields at least one message. A snapshot deleted in the meantime is reported to its end.
 * @throws VolumeError not-found; invalid: it has no blocks; out-of-range: the offset
 */
export async function* allocatedBlocks(
  parts: Parts<'catalogue' | 'host'>,
  snapshotId: string,
  spec: MetadataSpec,
  signal: AbortSignal,
): AsyncGenerator<BlockMetadata, void, undefined> {
  const snapshot = await blockSnapshot(parts.catalogue, 'snapshot', snapshotId);
  const image = await openImage(parts, snapshot);
  try {
    yield* metadataOf(image, snapshot, spec, ({ start }) => image.dataRanges(start, signal));
  } finally {
    image.close();
  }
}

/**
 * The blocks of a snapshot that differ from those of another snapshot of the same volume, which counts as zeros after
 * its end (CSI specification, GetMetadataDelta). Otherwise the same.
 * @throws VolumeError not-found; invalid: one has no blocks, or they are of two volumes; out-of-range: the offset
 */
export async function* changedBlocks(
  parts: Parts<'catalogue' | 'host'>,
  { baseId, targetId }: { readonly baseId: string; readonly targetId: string },
  spec: MetadataSpec,
  signal: AbortSignal,
): AsyncGenerator<BlockMetadata, void, undefined> {
  const base = await blockSnapshot(parts.catalogue, 'snapshot', baseId);
  const target = await blockSnapshot(parts.catalogue, 'targetSnapshot', targetId);
  if (base.sourceVolumeId !== target.sourceVolumeId) {
    const why = `is a snapshot of volume ${quote(target.sourceVolumeId)}, but ${quote(baseId)} is of ${quote(base.sourceVolumeId)}`;
    throw invalidValue('targetSnapshot', targetId, why);
  }
  const baseImage = await openImage(parts, base);
  try {
    const image = await openImage(parts, target);
    try {
      yield* metadataOf(image, target, spec, (search) => image.changedRanges(baseImage, search, signal));
    } finally {
      image.close();
    }
  } finally {
    baseImage.close();
  }
}

/**
 * Ranges and offsets are those of the device: the header of an encrypted image comes before it. Blocks of it that were never
 * written are left out, although they do not read as zeros.
 */
async function* metadataOf(
  image: OpenImage,
  { content }: Snapshot,
  { blockType, startingOffset, maximumRanges }: MetadataSpec,
  rangesFrom: (search: ChangeSearch) => AsyncIterable<ByteRange>,
): AsyncGenerator<BlockMetadata, void, undefined> {
  const headerBytes = headerBytesOf(content);
  const sizeBytes = image.sizeBytes - headerBytes;
  if (startingOffset < 0n || startingOffset > sizeBytes) {
    const message = `${startingOffset} must be between 0 and ${sizeBytes}, the size of the snapshot`;
    throw new VolumeError('out-of-range', message, { about: 'startingOffset' });
  }
  const limit = maximumRanges === 0 ? RANGES_LIMIT : Math.min(maximumRanges, RANGES_LIMIT);
  const blocks = layOutRanges({ blockType, sizeBytes, startingOffset }, ({ start, granuleBytes }) =>
    after(headerBytes, rangesFrom({ start: start + headerBytes, granuleBytes })),
  );
  for await (const ranges of pagesOf(blocks, limit)) yield { capacityBytes: sizeBytes, ranges };
}

/** Ranges of an image as they are in what comes after its first bytes. */
async function* after(
  bytes: bigint,
  ranges: AsyncIterable<ByteRange>,
): AsyncGenerator<ByteRange, void, undefined> {
  for await (const { start, end } of ranges) yield { start: max(0n, start - bytes), end: end - bytes };
}

/** A snapshot that is an image, of a block volume or of a volume with its own file system. */
async function blockSnapshot(catalogue: Catalogue, subject: Subject, snapshotId: string): Promise<Snapshot> {
  const snapshot = await existingSnapshot(catalogue, snapshotId);
  if (snapshot.content.backend === 'image') return snapshot;
  throw invalidValue(subject, snapshotId, 'is a snapshot of a directory and has no blocks');
}

async function openImage(parts: Parts<'catalogue' | 'host'>, snapshot: Snapshot): Promise<OpenImage> {
  const { path } = parts.catalogue.dataOfSnapshot(snapshot);
  const image = await parts.host.blockMaps.open(path, snapshot.pool);
  if (image) return image;
  // Deleted since it was looked up; if not, it is broken.
  await existingSnapshot(parts.catalogue, snapshot.id);
  throw new VolumeError('unavailable', `the image of snapshot ${quote(snapshot.id)} is missing`);
}
