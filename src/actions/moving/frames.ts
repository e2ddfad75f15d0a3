import { createHash, type Hash } from 'node:crypto';
import { VolumeError } from '../../model/errors.ts';
import type { ByteReader } from './byte-reader.ts';

/** The frames of a stream; docs/reference/stream.md describes them. */
export const frameTypes = {
  /** What the stream contains: JSON. It comes first. */
  header: 'H',
  /** Data of an image: an offset, and the bytes. */
  data: 'D',
  /** A part of an image that reads as zero: an offset and a length. */
  zeros: 'Z',
  /** The next bytes of an archive. */
  archive: 'A',
  /** The end of the stream. */
  end: 'E',
} as const;

export type FrameType = (typeof frameTypes)[keyof typeof frameTypes];

export interface Frame {
  readonly type: FrameType;
  readonly payload: Buffer;
}

const firstLineOf = (version: number | string) => `csi-hostpath stream ${version}\n`;
const formatVersion = 1;
const FIRST_LINE_LIMIT = 64;
const HEAD_BYTES = 5;
const DIGEST_BYTES = 32;
// A damaged length must not reserve memory. Headers are the largest frames but for data.
const PAYLOAD_LIMIT_BYTES = 1024 ** 2;

/** Writes a stream. Each frame ends with the SHA-256 of everything in the stream before, so that no part can be lost or changed. */
export class FrameWriter {
  private readonly hash = createHash('sha256');
  private readonly send: (bytes: Buffer) => Promise<void>;
  private isBegun = false;

  constructor(send: (bytes: Buffer) => Promise<void>) {
    this.send = send;
  }

  async write(type: FrameType, ...payload: readonly Buffer[]): Promise<void> {
    const head = Buffer.alloc(HEAD_BYTES);
    head.write(type, 'latin1');
    head.writeUInt32BE(
      payload.reduce((sum, { length }) => sum + length, 0),
      1,
    );
    const firstLine = this.isBegun ? [] : [Buffer.from(firstLineOf(formatVersion))];
    this.isBegun = true;
    const parts = [...firstLine, head, ...payload];
    for (const part of parts) this.hash.update(part);
    await this.send(Buffer.concat([...parts, digestOf(this.hash)]));
  }
}

/** Reads a stream. */
export class FrameReader {
  private readonly hash = createHash('sha256');
  private readonly bytes: ByteReader;
  private ended: string | undefined;

  constructor(bytes: ByteReader) {
    this.bytes = bytes;
  }

  /** The digest of the whole stream, in hexadecimal. @throws Error a bug: it was not read to its end */
  get digest(): string {
    if (this.ended === undefined) throw new Error('the stream was not read to its end');
    return this.ended;
  }

  /** Reads the line before the first frame. @throws VolumeError invalid */
  async begin(): Promise<void> {
    const expected = firstLineOf(formatVersion);
    const line = await this.bytes.readLine(FIRST_LINE_LIMIT);
    if (line === '') throw new VolumeError('invalid', 'the stream is empty; did csi-hostpath send fail?');
    const version = new RegExp(firstLineOf('(\\d+)')).exec(line)?.[1];
    if (version === undefined) throw new VolumeError('invalid', 'this is not a stream of csi-hostpath send');
    if (line !== expected) {
      const message = `the stream has format version ${version}; this driver reads version ${formatVersion}`;
      throw new VolumeError('invalid', message);
    }
    this.hash.update(line);
  }

  /**
   * The next frame; undefined after the last.
   * @throws VolumeError invalid: the stream is cut short, or was changed
   */
  async next(): Promise<Frame | undefined> {
    if (this.ended !== undefined) return undefined;
    const start = this.bytes.position;
    const head = await this.bytes.read(HEAD_BYTES);
    const length = head.readUInt32BE(1);
    if (length > PAYLOAD_LIMIT_BYTES) throw changedError(start);
    const payload = await this.bytes.read(length);
    this.hash.update(head).update(payload);
    const digest = digestOf(this.hash);
    const type = Object.values(frameTypes).find((each) => each === head.toString('latin1', 0, 1));
    if (!digest.equals(await this.bytes.read(DIGEST_BYTES)) || type === undefined) throw changedError(start);
    if (type !== frameTypes.end) return { type, payload };
    if (!(await this.bytes.isAtEnd()))
      throw new VolumeError('invalid', 'more follows after the end of the stream');
    this.ended = digest.toString('hex');
    return undefined;
  }
}

function digestOf(hash: Hash): Buffer {
  return hash.copy().digest();
}

function changedError(start: number): VolumeError {
  const message = `the stream was changed on its way: the part from byte ${start} on does not match its checksum; send it again`;
  return new VolumeError('invalid', message);
}
