import { receiveSubvolume } from '../../backends/btrfs/subvolume-stream.ts';
import { unpackTree } from '../../backends/directory/tree-archive.ts';
import { type ImageChange, writeImage } from '../../backends/image/write-image.ts';
import { VolumeError } from '../../model/errors.ts';
import type { MovedObject } from '../../model/moving/moved-object.ts';
import type { IncomingStream } from '../../model/moving/receive.ts';
import type { CopyControl } from '../../model/ports/ports.ts';
import { ByteReader } from './byte-reader.ts';
import { FrameReader, type FrameType, frameTypes } from './frames.ts';
import { decodeHeader } from './header.ts';

/** A stream of which the header was read. */
export class ArrivingStream implements IncomingStream {
  readonly object: MovedObject;
  readonly signal: AbortSignal;
  private readonly frames: FrameReader;

  private constructor(object: MovedObject, frames: FrameReader, signal: AbortSignal) {
    this.object = object;
    this.frames = frames;
    this.signal = signal;
  }

  /** @throws VolumeError invalid: it is not a stream that this driver can read */
  static async open(source: AsyncIterable<Buffer>, signal: AbortSignal): Promise<ArrivingStream> {
    const frames = new FrameReader(new ByteReader(source));
    await frames.begin();
    const first = await frames.next();
    if (first?.type !== frameTypes.header) throw new VolumeError('invalid', 'the stream has no header');
    return new ArrivingStream(decodeHeader(first.payload), frames, signal);
  }

  /** All frames are read, so that content is whole once it is written. */
  readonly write = async (path: string, control: CopyControl): Promise<void> => {
    switch (this.object.content.format) {
      case 'tar':
        return unpackTree(path, this.archive(control), control.signal);
      case 'btrfs':
        return receiveSubvolume(path, this.archive(control), control.signal);
      case 'image':
        return writeImage(path, this.object.sizeBytes, this.changes(control));
    }
  };

  readonly skip = async (): Promise<void> => {
    while (await this.frames.next()) this.signal.throwIfAborted();
  };

  readonly digest = (): string => this.frames.digest;

  private async *archive({ signal, onBytes }: CopyControl): AsyncGenerator<Buffer, void, undefined> {
    for (;;) {
      signal.throwIfAborted();
      const frame = await this.frames.next();
      if (!frame) return;
      if (frame.type !== frameTypes.archive) throw unexpectedError(frame.type);
      onBytes(BigInt(frame.payload.length));
      yield frame.payload;
    }
  }

  private async *changes({ signal, onBytes }: CopyControl): AsyncGenerator<ImageChange, void, undefined> {
    for (;;) {
      signal.throwIfAborted();
      const frame = await this.frames.next();
      if (!frame) return;
      const change = changeOf(frame.type, frame.payload);
      if (change.kind === 'data') onBytes(BigInt(change.bytes.length));
      yield change;
    }
  }
}

const OFFSET_BYTES = 8;

function changeOf(type: FrameType, payload: Buffer): ImageChange {
  if (type === frameTypes.data && payload.length > OFFSET_BYTES) {
    return { kind: 'data', start: payload.readBigUInt64BE(), bytes: payload.subarray(OFFSET_BYTES) };
  }
  if (type === frameTypes.zeros && payload.length === 2 * OFFSET_BYTES) {
    const start = payload.readBigUInt64BE();
    return { kind: 'zeros', start, end: start + payload.readBigUInt64BE(OFFSET_BYTES) };
  }
  throw unexpectedError(type);
}

function unexpectedError(type: FrameType): VolumeError {
  return new VolumeError('invalid', `the stream has a frame of type ${type} that its content does not allow`);
}
