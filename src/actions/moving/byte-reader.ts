import { VolumeError } from '../../model/errors.ts';

/** Reads exact numbers of bytes from chunks of any size. */
export class ByteReader {
  /** How many bytes were read. */
  position = 0;
  private readonly source: AsyncIterator<Buffer>;
  private chunks: Buffer[] = [];
  private bufferedBytes = 0;

  constructor(source: AsyncIterable<Buffer>) {
    this.source = source[Symbol.asyncIterator]();
  }

  /** @throws VolumeError invalid: fewer bytes are left */
  async read(bytes: number): Promise<Buffer> {
    while (this.bufferedBytes < bytes) {
      if (await this.fill()) continue;
      const end = this.position + this.bufferedBytes;
      throw new VolumeError('invalid', `the stream is cut short: it ends after ${end} bytes`);
    }
    return this.take(bytes);
  }

  /** Reads up to the end of a line, or up to a limit. @returns less at the end of the source */
  async readLine(limitBytes: number): Promise<string> {
    let line = '';
    while (line.length < limitBytes && !line.endsWith('\n')) {
      if (this.bufferedBytes === 0 && !(await this.fill())) break;
      line += this.take(1).toString('latin1');
    }
    return line;
  }

  async isAtEnd(): Promise<boolean> {
    return this.bufferedBytes === 0 && !(await this.fill());
  }

  /** @returns false at the end */
  private async fill(): Promise<boolean> {
    const { done, value } = await this.source.next();
    if (done) return false;
    this.chunks.push(value);
    this.bufferedBytes += value.length;
    return value.length > 0 || this.fill();
  }

  private take(bytes: number): Buffer {
    const [first] = this.chunks;
    const all = first && first.length >= bytes ? first : Buffer.concat(this.chunks);
    const rest = all === first ? this.chunks.slice(1) : [];
    this.chunks = all.length > bytes ? [all.subarray(bytes), ...rest] : rest;
    this.bufferedBytes -= bytes;
    this.position += bytes;
    return all.subarray(0, bytes);
  }
}
