import { constants, fstatSync } from 'node:fs';
import { diskFaultOf } from '../calls/disk-fault.ts';
import { errno, isErrno } from '../calls/errno.ts';
import { call, libraryCall, numberedCall } from '../calls/libc.ts';
import { below } from '../calls/path-handle.ts';
import { min } from './bounds.ts';
import type { CopyControl } from './copy-control.ts';
import { fromSource, withSource } from './copy-source.ts';
import { dataRanges, type Range } from './data-ranges.ts';

const ftruncate = libraryCall('ftruncate', ['int', 'int64']);
const pread = libraryCall('pread', ['int', 'void *', 'size_t', 'int64']);
const pwrite = libraryCall('pwrite', ['int', 'void *', 'size_t', 'int64']);
const copyFileRange = numberedCall('copy_file_range', process.arch === 'arm64' ? 285 : 326, [
  'int',
  'void *',
  'int',
  'void *',
  'size_t',
  'uint',
]);

// So much is copied by one call, which cannot be stopped.
const CHUNK_BYTES = 8n * 1024n ** 2n;
const BUFFER_BYTES = 1024n ** 2n;
// The least a hole can be long, nearly everywhere: a file of one block has none.
const BLOCK_BYTES = 4096n;

// EPERM is how some sandboxes refuse calls that they do not know.
const kernelCannotCopy = [
  errno.EXDEV,
  errno.EOPNOTSUPP,
  errno.ENOSYS,
  errno.EINVAL,
  errno.EBADF,
  errno.ETXTBSY,
  errno.EPERM,
];

/**
 * Copies the data of an open file into an empty open one, and leaves holes where it has holes. A file that changes
 * meanwhile is copied as far as it reached at the beginning and still does.
 */
export async function copyData(sourceFd: number, targetFd: number, control: CopyControl): Promise<void> {
  const { size, blocks } = fstatSync(sourceFd, { bigint: true });
  if (size <= BLOCK_BYTES && blocks > 0n) {
    await new DataCopy(sourceFd, targetFd, control).copy({ start: 0n, end: size });
  } else if (blocks > 0n) {
    // Opened anew, because seeking moves the position of an open file for all who share it. Nobody can have leased a file
    // that is open, so this does not wait.
    await withSource(below(sourceFd), constants.O_RDONLY, async (ownFd) => {
      const copy = new DataCopy(ownFd, targetFd, control);
      const ranges = dataRanges(ownFd, size);
      for (;;) {
        const { value: range } = await fromSource(() => ranges.next());
        if (range === undefined) break;
        // XFS takes space behind the end of a file that grows, and what ends up in its holes is not given back.
        if (range.end < size) await setSize(targetFd, size);
        await copy.copy(range);
      }
    });
  }
  const left = fstatSync(sourceFd, { bigint: true }).size;
  await setSize(targetFd, min(left, size));
}

async function setSize(fd: number, bytes: bigint): Promise<void> {
  if (fstatSync(fd, { bigint: true }).size === bytes) return;
  await call(ftruncate, `descriptor ${fd}`, fd, bytes);
}

class DataCopy {
  private readonly sourceFd: number;
  private readonly targetFd: number;
  private readonly control: CopyControl;
  private readonly sourceOffset = Buffer.alloc(8);
  private readonly targetOffset = Buffer.alloc(8);
  private buffer: Buffer | undefined;

  constructor(sourceFd: number, targetFd: number, control: CopyControl) {
    this.sourceFd = sourceFd;
    this.targetFd = targetFd;
    this.control = control;
  }

  /** Copies a range, or as much of it as there is. */
  async copy({ start, end }: Range): Promise<void> {
    for (let position = start; position < end; ) {
      this.control.signal.throwIfAborted();
      const copied = await this.copySome(position, end - position);
      if (copied === 0) return;
      this.control.onBytes(BigInt(copied));
      position += BigInt(copied);
    }
  }

  private async copySome(position: bigint, bytes: bigint): Promise<number> {
    if (this.buffer === undefined) {
      const copied = await this.copyInKernel(position, min(bytes, CHUNK_BYTES));
      // Some file systems say 0 where there is more; that it is the end is only certain when it is read.
      if (copied > 0) return copied;
      this.buffer = Buffer.allocUnsafeSlow(Number(min(bytes, BUFFER_BYTES)));
    }
    return this.copyByBuffer(this.buffer, position, bytes);
  }

  private async copyInKernel(position: bigint, bytes: bigint): Promise<number> {
    const { sourceFd, sourceOffset, targetFd, targetOffset } = this;
    sourceOffset.writeBigInt64LE(position);
    targetOffset.writeBigInt64LE(position);
    const subject = `descriptor ${targetFd}`;
    try {
      return await call(copyFileRange, subject, sourceFd, sourceOffset, targetFd, targetOffset, bytes, 0);
    } catch (error) {
      if (isErrno(error, ...kernelCannotCopy)) return 0;
      // Reading and writing apart tells which of the two disks has failed.
      const fault = diskFaultOf(error)?.kind;
      if (fault === 'failing' || fault === 'damaged') return 0;
      throw error;
    }
  }

  private async copyByBuffer(buffer: Buffer, position: bigint, bytes: bigint): Promise<number> {
    const subject = `descriptor ${this.targetFd}`;
    const wanted = min(bytes, BigInt(buffer.length));
    const read = await fromSource(() =>
      call(pread, `descriptor ${this.sourceFd}`, this.sourceFd, buffer, wanted, position),
    );
    for (let written = 0; written < read; ) {
      const rest = buffer.subarray(written, read);
      written += await call(pwrite, subject, this.targetFd, rest, rest.length, position + BigInt(written));
    }
    return read;
  }
}
