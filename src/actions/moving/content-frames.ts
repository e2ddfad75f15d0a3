import { packTree } from '../../backends/directory/tree-archive.ts';
import { quote, VolumeError } from '../../model/errors.ts';
import type { Sendable } from '../../model/moving/find-sendable.ts';
import { imagePieces } from '../../model/moving/image-pieces.ts';
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
  if (object.content.format === 'tar') {
    for await (const bytes of packTree(original.path, signal))
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
