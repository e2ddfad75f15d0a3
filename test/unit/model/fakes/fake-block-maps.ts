import type {
  BlockMaps,
  ByteRange,
  ChangeSearch,
  OpenImage,
} from '../../../../src/model/ports/block-maps.ts';
import { min } from '../../../../src/units/bigint.ts';

const PAGE_BYTES = 4096;

/** The content of an image in memory, and which of its pages were ever written. */
export class FakeBlocks {
  private bytes: Buffer;
  private readonly writtenPages: Set<number>;

  constructor(sizeBytes: bigint, bytes = Buffer.alloc(Number(sizeBytes)), writtenPages = new Set<number>()) {
    this.bytes = bytes;
    this.writtenPages = writtenPages;
  }

  get sizeBytes(): bigint {
    return BigInt(this.bytes.length);
  }

  write(data: Buffer, offset: number): void {
    data.copy(this.bytes, offset);
    const last = Math.floor((offset + data.length - 1) / PAGE_BYTES);
    for (let page = Math.floor(offset / PAGE_BYTES); page <= last; page++) this.writtenPages.add(page);
  }

  grow(sizeBytes: bigint): void {
    this.bytes = this.read(0n, sizeBytes);
  }

  copy(): FakeBlocks {
    return new FakeBlocks(this.sizeBytes, Buffer.from(this.bytes), new Set(this.writtenPages));
  }

  isWritten(offset: bigint): boolean {
    return this.writtenPages.has(Number(offset) / PAGE_BYTES);
  }

  /** The bytes in a range; zeros after the end. */
  read(start: bigint, end: bigint): Buffer {
    const content = Buffer.alloc(Number(end - start));
    this.bytes.subarray(Number(start), Number(end)).copy(content);
    return content;
  }
}

/** The BlockMaps port in memory. */
export class FakeBlockMaps implements BlockMaps {
  readonly images = new Map<string, FakeBlocks>();
  /** How many images are open. */
  openCount = 0;

  async open(path: string): Promise<OpenImage | undefined> {
    const blocks = this.images.get(path);
    if (!blocks) return undefined;
    this.openCount++;
    return new FakeImage(blocks.copy(), () => this.openCount--);
  }
}

class FakeImage implements OpenImage {
  private readonly blocks: FakeBlocks;
  readonly close: () => void;

  constructor(blocks: FakeBlocks, close: () => void) {
    this.blocks = blocks;
    this.close = close;
  }

  get sizeBytes(): bigint {
    return this.blocks.sizeBytes;
  }

  async *dataRanges(start: bigint, signal: AbortSignal): AsyncGenerator<ByteRange, void, undefined> {
    const { blocks } = this;
    yield* this.granulesWhere({ start, granuleBytes: BigInt(PAGE_BYTES) }, signal, (granule) =>
      blocks.isWritten(granule.start),
    );
  }

  async *changedRanges(
    base: FakeImage,
    search: ChangeSearch,
    signal: AbortSignal,
  ): AsyncGenerator<ByteRange, void, undefined> {
    yield* this.granulesWhere(search, signal, ({ start, end }) => {
      return !this.blocks.read(start, end).equals(base.blocks.read(start, end));
    });
  }

  async read({ start, end }: ByteRange): Promise<Buffer> {
    return this.blocks.read(start, end);
  }

  private *granulesWhere(
    { start, granuleBytes }: ChangeSearch,
    signal: AbortSignal,
    isWanted: (granule: ByteRange) => boolean,
  ): Generator<ByteRange, void, undefined> {
    signal.throwIfAborted();
    const { sizeBytes } = this.blocks;
    for (let at = start - (start % granuleBytes); at < sizeBytes; at += granuleBytes) {
      signal.throwIfAborted();
      const end = min(at + granuleBytes, sizeBytes);
      if (!isWanted({ start: at, end })) continue;
      yield { start: at > start ? at : start, end };
    }
  }
}
