import { min } from '../../units/bigint.ts';
import type { ByteRange, OpenImage } from '../ports/block-maps.ts';
import { mergeAdjacent } from '../snapshots/block-ranges.ts';

/** A part of an image: its data, or that it reads as zero. */
export type ImagePiece =
  | { readonly kind: 'data'; readonly start: bigint; readonly bytes: Buffer }
  | ({ readonly kind: 'zeros' } & ByteRange);

/** The most data in one piece. */
export const pieceBytes = 256 * 1024;
const GRANULE_BYTES = 4096;
const zeros = Buffer.alloc(GRANULE_BYTES);

/**
 * The content of an image: without a base the data, and everything else reads as zero; with one, each part in which it differs
 * from that. The pieces depend on the content alone, and not on where a file system keeps it, so that the same content gives
 * the same stream.
 * @param sizeBytes the size in the record: a larger image has room at its end that nothing has used
 * @throws the signal's reason; VolumeError unavailable: the disk reports an error
 */
export async function* imagePieces(
  image: OpenImage,
  base: OpenImage | undefined,
  sizeBytes: bigint,
  signal: AbortSignal,
): AsyncGenerator<ImagePiece, void, undefined> {
  const search = { start: 0n, granuleBytes: BigInt(GRANULE_BYTES) };
  const ranges = base ? image.changedRanges(base, search, signal) : image.dataRanges(0n, signal);
  for await (const { start, end } of mergeAdjacent(ranges)) {
    for (const part of partsOf({ start, end: min(end, sizeBytes) })) {
      for (const piece of piecesOf(part.start, await image.read(part))) {
        if (base || piece.kind === 'data') yield piece;
      }
    }
  }
}

/** Splits a range at the multiples of the size of a piece. */
function* partsOf({ start, end }: ByteRange): Generator<ByteRange, void, undefined> {
  const size = BigInt(pieceBytes);
  for (let from = start; from < end; ) {
    const to = min(end, from - (from % size) + size);
    yield { start: from, end: to };
    from = to;
  }
}

/** Splits bytes into runs of granules that have data, or have none. */
function* piecesOf(start: bigint, bytes: Buffer): Generator<ImagePiece, void, undefined> {
  const first = GRANULE_BYTES - Number(start % BigInt(GRANULE_BYTES));
  let from = 0;
  let isZero = false;
  const pieceTo = (to: number): ImagePiece => {
    const piece = { start: start + BigInt(from), bytes: bytes.subarray(from, to) };
    return isZero
      ? { kind: 'zeros', start: piece.start, end: start + BigInt(to) }
      : { kind: 'data', ...piece };
  };
  for (let at = 0, next = first; at < bytes.length; at = next, next += GRANULE_BYTES) {
    const granule = bytes.subarray(at, next);
    const isGranuleZero = granule.equals(zeros.subarray(0, granule.length));
    if (at > from && isGranuleZero !== isZero) {
      yield pieceTo(at);
      from = at;
    }
    isZero = isGranuleZero;
  }
  if (from < bytes.length) yield pieceTo(bytes.length);
}
