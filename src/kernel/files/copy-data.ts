import { closeSync, constants, openSync } from 'node:fs';
import { min } from '../../units/bigint.ts';
import { diskFaultOf } from '../calls/disk-fault.ts';
import { errno, isErrno } from '../calls/errno.ts';
import { inodeStatus } from '../calls/inode-status.ts';
import { callSync, libraryCall, numberedCall, type Subject, tryCallSync } from '../calls/libc.ts';
import { below } from '../calls/path-handle.ts';
import type { CopyControl } from './copy-control.ts';
import { fromSource } from './copy-source.ts';
import { dataRanges, type Range } from './data-ranges.ts';

const ftruncate = libraryCall('ftruncate', ['int', 'int64']);
const pread = libraryCall('pread', ['int', 'void *', 'size_t', 'int64']);
const pwrite = libraryCall('pwrite', ['int', 'void *', 'size_t', 'int64']);
const syncFileRange = libraryCall('sync_file_range', ['int', 'int64', 'int64', 'uint']);
const copyFileRange = numberedCall('copy_file_range', process.arch === 'arm64' ? 285 : 326, [
  'int',
  'void *',
  'int',
  'void *',
  'size_t',
  'uint',
]);

// Copied per call; a call cannot be interrupted.
const CHUNK_BYTES = 8n * 1024n ** 2n;
const BUFFER_BYTES = 1024n ** 2n;
// Starts to write, and does not wait: a wait would report a failed write, and the sync at the end would not.
const SYNC_FILE_RANGE_WRITE = 2;
// The smallest hole on nearly every file system: a file of one block has none.
const BLOCK_BYTES = 4096n;

// Some sandboxes refuse unknown system calls with EPERM.
const copyUnsupportedNumbers = [
  errno.EXDEV,
  errno.EOPNOTSUPP,
  errno.ENOSYS,
  errno.EINVAL,
  errno.EBADF,
  errno.ETXTBSY,
  errno.EPERM,
];

/**
 * Copies the data of an open file into an empty open file and keeps its holes. A file that changes during the copy is
 * copied up to its initial size, or up to its end if it shrinks. Blocks its thread.
 */
export function copyData(sourceFd: number, targetFd: number, control: CopyControl): void {
  const { sizeBytes, allocatedBytes } = inodeStatus(sourceFd);
  if (sizeBytes <= BLOCK_BYTES && allocatedBytes > 0n) {
    new DataCopy(sourceFd, targetFd, control).copy({ start: 0n, end: sizeBytes });
  } else if (allocatedBytes > 0n) {
    copyRanges(sourceFd, targetFd, sizeBytes, control);
  }
  const left = inodeStatus(sourceFd).sizeBytes;
  setSize(targetFd, min(left, sizeBytes));
}

function copyRanges(sourceFd: number, targetFd: number, sizeBytes: bigint, control: CopyControl): void {
  // Opened again, because seeking moves the position of every descriptor that shares the open file. An open file cannot
  // be leased, so this does not block.
  const ownFd = fromSource(() => openSync(below(sourceFd), constants.O_RDONLY));
  try {
    const copy = new DataCopy(ownFd, targetFd, control);
    const ranges = dataRanges(ownFd, sizeBytes);
    const next = () => fromSource(() => ranges.next().value);
    for (let range = next(); range; range = next()) {
      // XFS preallocates beyond the end of a growing file, and does not free the part that ends up in holes.
      if (range.end < sizeBytes) setSize(targetFd, sizeBytes);
      copy.copy(range);
    }
  } finally {
    closeSync(ownFd);
  }
}

/** Cuts an open file to a size, or extends it to it by a hole. @param subject what errors name */
export function setSize(fd: number, bytes: bigint, subject: Subject = fd): void {
  if (inodeStatus(fd).sizeBytes !== bytes) callSync(ftruncate, subject, fd, bytes);
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

  /** Copies a range, or what the source still has of it. */
  copy({ start, end }: Range): void {
    let written = start;
    for (let position = start; position < end; ) {
      this.control.stop.throwIfStopped();
      const copied = this.copySome(position, end - position);
      if (copied === 0) return;
      this.control.onBytes(BigInt(copied));
      position += BigInt(copied);
      if (position - written < CHUNK_BYTES) continue;
      this.startWriting(written, position - written);
      written = position;
    }
  }

  /**
   * Lets the disk write while the next chunk is copied: the sync at the end then finds little left, and a large copy does not
   * fill the node's memory with pages that are still to be written. Not every sandbox and file system can.
   */
  private startWriting(start: bigint, bytes: bigint): void {
    tryCallSync(syncFileRange, this.targetFd, start, bytes, SYNC_FILE_RANGE_WRITE);
  }

  private copySome(position: bigint, bytes: bigint): number {
    if (this.buffer === undefined) {
      const copied = this.copyInKernel(position, min(bytes, CHUNK_BYTES));
      // Some file systems return 0 before the end; only a read confirms the end.
      if (copied > 0) return copied;
      this.buffer = Buffer.allocUnsafeSlow(Number(min(bytes, BUFFER_BYTES)));
    }
    return this.copyByBuffer(this.buffer, position, bytes);
  }

  private copyInKernel(position: bigint, bytes: bigint): number {
    const { sourceFd, sourceOffset, targetFd, targetOffset } = this;
    sourceOffset.writeBigInt64LE(position);
    targetOffset.writeBigInt64LE(position);
    const subject = `descriptor ${targetFd}`;
    try {
      return callSync(copyFileRange, subject, sourceFd, sourceOffset, targetFd, targetOffset, bytes, 0);
    } catch (error) {
      if (isErrno(error, ...copyUnsupportedNumbers)) return 0;
      // Separate reads and writes show which of the two disks failed.
      const fault = diskFaultOf(error)?.kind;
      if (fault === 'failing' || fault === 'damaged') return 0;
      throw error;
    }
  }

  private copyByBuffer(buffer: Buffer, position: bigint, bytes: bigint): number {
    const subject = `descriptor ${this.targetFd}`;
    const wanted = min(bytes, BigInt(buffer.length));
    const read = fromSource(() => callSync(pread, this.sourceFd, this.sourceFd, buffer, wanted, position));
    for (let written = 0; written < read; ) {
      const rest = buffer.subarray(written, read);
      written += callSync(pwrite, subject, this.targetFd, rest, rest.length, position + BigInt(written));
    }
    return read;
  }
}
