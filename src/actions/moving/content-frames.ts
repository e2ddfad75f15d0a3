import { sendSubvolume } from '../../backends/btrfs/subvolume-stream.ts';
import { packTree } from '../../backends/directory/tree-archive.ts';
import { quote, VolumeError } from '../../model/errors.ts';
import type { Sendable } from '../../model/moving/find-sendable.ts';
import { imagePieces, pieceBytes } from '../../model/moving/image-pieces.ts';
import type { Parts } from '../../model/parts.ts';
import type { OpenImage } from '../../model/ports/block-maps.ts';
import type { Original } from '../../model/ports/ports.ts';
import { type FrameType, frameTypes } from './frames.ts';

/** A frame of content, as it is written. */
export interface ContentFrame {
  readonly type: FrameType;
  readonly payload: readonly Buffer[];
  /** The bytes of content in it. */
  readonly bytes: number;
}

/** The content of an object in frames. @throws the signal's reason; VolumeError */
export async function* contentFrames(
  { host }: Parts<'host'>,
  { object, original, base }: Sendable,
  signal: AbortSignal,
): AsyncGenerator<ContentFrame, void, undefined> {
  const { format } = object.content;
  if (format !== 'image') {
    const stream =
      format === 'tar' ? packTree(original.path, signal) : sendSubvolume(original.path, base?.path, signal);
    // All of one size, so that the same content gives the same stream.
    for await (const bytes of inChunks(stream, pieceBytes))
      yield { type: frameTypes.archive, payload: [bytes], bytes: bytes.length };
    return;
  }
  const image = await openImage(host, original);
  try {
    const baseImage = base && (await openImage(host, base));
    try {
      for await (const piece of imagePieces(image, baseImage, object.sizeBytes, signal)) {
        if (piece.kind === 'data')
          yield {
            type: frameTypes.data,
            payload: [encodeOffset(piece.start), piece.bytes],
            bytes: piece.bytes.length,
          };
        else
          yield {
            type: frameTypes.zeros,
            payload: [encodeOffset(piece.start), encodeOffset(piece.end - piece.start)],
            bytes: 0,
          };
      }
    } finally {
      baseImage?.close();
    }
  } finally {
    image.close();
  }
}

/** Bytes in chunks of one size, but for the last. */
async function* inChunks(
  source: AsyncIterable<Buffer>,
  chunkBytes: number,
): AsyncGenerator<Buffer, void, undefined> {
  let rest: Buffer[] = [];
  let restBytes = 0;
  for await (const bytes of source) {
    rest.push(bytes);
    restBytes += bytes.length;
    if (restBytes < chunkBytes) continue;
    const all = Buffer.concat(rest);
    const whole = all.length - (all.length % chunkBytes);
    for (let at = 0; at < whole; at += chunkBytes) yield all.subarray(at, at + chunkBytes);
    rest = [all.subarray(whole)];
    restBytes = all.length - whole;
  }
  if (restBytes > 0) yield Buffer.concat(rest);
}

async function openImage({ blockMaps }: Parts['host'], { path, pool }: Original): Promise<OpenImage> {
  const image = await blockMaps.open(path, pool);
  if (!image) throw new VolumeError('unavailable', `the image ${quote(path)} is missing`);
  return image;
}

function encodeOffset(offset: bigint): Buffer {
  const bytes = Buffer.alloc(8);
  bytes.writeBigUInt64BE(offset);
  return bytes;
}
