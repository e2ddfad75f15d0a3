import { closeSync, constants, open } from 'node:fs';
import { promisify } from 'node:util';
import { readAt } from '../../kernel/calls/descriptor.ts';
import { errno, isErrno, KernelError } from '../../kernel/calls/errno.ts';
import { statusOf } from '../../kernel/calls/statx.ts';
import { addressSpaceOf } from '../../kernel/file-systems/address-space.ts';
import type { Range } from '../../kernel/files/data-ranges.ts';
import { type ExtentMap, extentsOf } from '../../kernel/files/extents.ts';
import type { BlockMaps, ByteRange, ChangeSearch, OpenImage } from '../../model/ports/block-maps.ts';
import { storageError } from '../../records/storage-error.ts';
import { min } from '../../units/bigint.ts';
import { ByteComparer, CHUNK_BYTES, type ComparedFiles } from './byte-comparer.ts';
import { unknownParts } from './extent-difference.ts';

const openAsync = promisify(open);

// O_NONBLOCK, because opening something other than a regular file may block.
const OPEN_IMAGE = constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK;

/** The BlockMaps port, by the extents that the file system reports, and by reading where extents do not suffice. */
export class KernelBlockMaps implements BlockMaps {
  private readonly comparer: ByteComparer;

  /** @param onRead called with the number of bytes after each read */
  constructor(onRead: (bytes: number) => void = () => {}) {
    this.comparer = new ByteComparer(onRead);
  }

  async open(path: string, pool: string): Promise<OpenImage | undefined> {
    try {
      const fd = await openAsync(path, OPEN_IMAGE);
      try {
        return new KernelImage({ fd, pool, addressSpace: await addressSpaceOf(fd), comparer: this.comparer });
      } catch (error) {
        closeSync(fd);
        throw error;
      }
    } catch (error) {
      if (isErrno(error, errno.ENOENT)) return undefined;
      throw storageError(error, pool);
    }
  }
}

interface ImageParts {
  readonly fd: number;
  readonly pool: string;
  readonly addressSpace: string | undefined;
  readonly comparer: ByteComparer;
}

class KernelImage implements OpenImage {
  readonly sizeBytes: bigint;
  private readonly parts: ImageParts;

  constructor(parts: ImageParts) {
    this.parts = parts;
    this.sizeBytes = statusOf(parts.fd).sizeBytes;
  }

  async *dataRanges(start: bigint, signal: AbortSignal): AsyncGenerator<ByteRange, void, undefined> {
    for (let position = start; position < this.sizeBytes; ) {
      signal.throwIfAborted();
      const map = await this.mapOf({ start: position, end: this.sizeBytes });
      for (const extent of map.extents) yield { start: extent.start, end: extent.end };
      position = map.end;
    }
  }

  async *changedRanges(
    base: KernelImage,
    { start, granuleBytes }: ChangeSearch,
    signal: AbortSignal,
  ): AsyncGenerator<ByteRange, void, undefined> {
    const areAddressesComparable =
      this.parts.addressSpace !== undefined && this.parts.addressSpace === base.parts.addressSpace;
    for (let position = start; position < this.sizeBytes; ) {
      signal.throwIfAborted();
      // Both are mapped together, again for each window: a file system may move blocks (btrfs balance, xfs_fsr), and an old
      // address must not be compared with a new one.
      const whole = { start: position, end: this.sizeBytes };
      const baseMap = await base.mapOf(whole);
      const map = await this.mapOf(whole);
      const window = { start: position, end: min(baseMap.end, map.end) };
      for (const part of unknownParts(window, baseMap.extents, map.extents, areAddressesComparable)) {
        const files = {
          baseFd: part.baseHasData ? base.parts.fd : undefined,
          targetFd: part.targetHasData ? this.parts.fd : undefined,
        };
        for (const chunk of chunksOf(part)) yield* await this.compare(chunk, files, granuleBytes, signal);
      }
      position = window.end;
    }
  }

  async read({ start, end }: ByteRange): Promise<Buffer> {
    const length = Number(end - start);
    try {
      const bytes = await readAt(this.parts.fd, Number(start), length);
      if (bytes.length < length) throw new KernelError('read', errno.EIO, `descriptor ${this.parts.fd}`);
      return bytes;
    } catch (error) {
      throw storageError(error, this.parts.pool);
    }
  }

  close(): void {
    closeSync(this.parts.fd);
  }

  /** The extents in a range, which may reach beyond the end of the image, where there are none. */
  private async mapOf({ start, end }: Range): Promise<ExtentMap> {
    const imageEnd = min(end, this.sizeBytes);
    try {
      const map = await extentsOf(this.parts.fd, { start, end: imageEnd });
      return map.end === imageEnd ? { ...map, end } : map;
    } catch (error) {
      throw storageError(error, this.parts.pool);
    }
  }

  private async compare(
    chunk: Range,
    files: ComparedFiles,
    granuleBytes: bigint,
    signal: AbortSignal,
  ): Promise<Range[]> {
    try {
      return await this.parts.comparer.differences(chunk, files, granuleBytes, signal);
    } catch (error) {
      throw storageError(error, this.parts.pool);
    }
  }
}

/** Splits a range into chunks for comparison; they end at multiples of CHUNK_BYTES, so that no granule is split. */
function* chunksOf({ start, end }: Range): Generator<Range, void, undefined> {
  for (let from = start; from < end; ) {
    const to = min(end, from - (from % CHUNK_BYTES) + CHUNK_BYTES);
    yield { start: from, end: to };
    from = to;
  }
}
