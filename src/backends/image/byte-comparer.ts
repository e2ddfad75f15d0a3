import { read } from 'node:fs';
import { promisify } from 'node:util';
import { errno, KernelError } from '../../kernel/calls/errno.ts';
import { Slots } from '../../kernel/calls/slots.ts';
import type { Range } from '../../kernel/files/data-ranges.ts';

const readAsync = promisify(read);

/** The largest range compared at a time, in bytes. */
export const CHUNK_BYTES = 1024n ** 2n;
// More would not make a disk faster. A comparison is short, so further callers wait.
const MAX_CONCURRENT_COMPARISONS = 4;

const ZEROS = Buffer.alloc(Number(CHUNK_BYTES));

/** Two open files; an undefined one reads as zeros. */
export interface ComparedFiles {
  readonly baseFd: number | undefined;
  readonly targetFd: number | undefined;
}

/** Compares parts of files byte by byte, with a limit on concurrent comparisons across all callers. */
export class ByteComparer {
  private readonly slots = new Slots(MAX_CONCURRENT_COMPARISONS);
  private readonly unusedBuffers: [Buffer, Buffer][] = [];
  private readonly onRead: (bytes: number) => void;

  /** @param onRead called with the number of bytes after each read */
  constructor(onRead: (bytes: number) => void) {
    this.onRead = onRead;
  }

  /**
   * The parts of a range, of CHUNK_BYTES at most, in which the files differ, in whole granules as far as they lie in the
   * range.
   * @throws the signal's reason; KernelError or a node:fs error EIO, …
   */
  async differences(
    range: Range,
    { baseFd, targetFd }: ComparedFiles,
    granuleBytes: bigint,
    signal: AbortSignal,
  ): Promise<Range[]> {
    await this.slots.acquire(signal);
    try {
      const buffers = this.unusedBuffers.pop() ?? [newBuffer(), newBuffer()];
      const reading = [
        this.readRange(range, baseFd, buffers[0]),
        this.readRange(range, targetFd, buffers[1]),
      ] as const;
      // Both reads must have ended before the buffers are reused or a file is closed, even if one of them fails.
      await Promise.allSettled(reading);
      this.unusedBuffers.push(buffers);
      const [base, target] = await Promise.all(reading);
      return differingRanges(base, target, range.start, granuleBytes);
    } finally {
      this.slots.release();
    }
  }

  private async readRange({ start, end }: Range, fd: number | undefined, buffer: Buffer): Promise<Buffer> {
    const length = Number(end - start);
    if (fd === undefined) return ZEROS.subarray(0, length);
    for (let filled = 0; filled < length; ) {
      const position = start + BigInt(filled);
      const { bytesRead } = await readAsync(fd, {
        buffer,
        offset: filled,
        length: length - filled,
        position,
      });
      // The file was truncated, and its content there is unknown.
      if (bytesRead === 0) throw new KernelError('read', errno.EIO, `descriptor ${fd} at ${position}`);
      this.onRead(bytesRead);
      filled += bytesRead;
    }
    return buffer.subarray(0, length);
  }
}

function newBuffer(): Buffer {
  return Buffer.allocUnsafeSlow(Number(CHUNK_BYTES));
}

/** The ranges in which two buffers of equal length differ; their first byte is at `start` of a file. */
export function differingRanges(base: Buffer, target: Buffer, start: bigint, granuleBytes: bigint): Range[] {
  if (base.equals(target)) return [];
  const ranges: Range[] = [];
  const granule = Number(granuleBytes);
  let to = granule - Number(start % granuleBytes);
  for (let from = 0; from < base.length; from = to, to += granule) {
    const end = Math.min(to, base.length);
    if (base.compare(target, from, end, from, end) !== 0) {
      ranges.push({ start: start + BigInt(from), end: start + BigInt(end) });
    }
  }
  return ranges;
}
