import { readSync } from 'node:fs';

// The format of the kernel's Documentation/admin-guide/device-mapper/log-writes.rst: one block for the header, then one
// for each entry, which the data written follows. A mark has its text in its own block.
const MAGIC = 0x6a736677736872n;
const VERSION = 1n;
/** struct log_write_entry; places and sizes are in blocks. */
const entry = { bytes: 32, place: 0, size: 8, flags: 16, textBytes: 24 } as const;
const flag = { flush: 1n, fua: 2n, discard: 4n, mark: 8n } as const;

/** Data that was written to a disk. */
export interface LoggedWrite {
  readonly kind: 'write';
  /** Where it is in the log; undefined for a discard. */
  readonly logOffset: number | undefined;
  readonly diskOffset: number;
  readonly sizeBytes: number;
  /** Whether all writes before it are on the disk when it is done. */
  readonly isFlush: boolean;
  /** Whether it is on the disk itself when it is done. */
  readonly isForced: boolean;
}

/** A text that was put into the log between two writes. */
export interface LoggedMark {
  readonly kind: 'mark';
  readonly text: string;
}

/**
 * The log of dm-log-writes. It has a write that is not forced only once a flush has followed, so all its entries up to
 * any one of them are what a disk has that loses all it can.
 */
export class WriteLog {
  readonly entries: readonly (LoggedWrite | LoggedMark)[];
  private readonly fd: number;

  /** @param fd the log, open until nothing is read from it any more */
  constructor(fd: number) {
    this.fd = fd;
    const header = this.read(0, 28);
    if (header.readBigUInt64LE(0) !== MAGIC || header.readBigUInt64LE(8) !== VERSION) {
      throw new Error('not a log of dm-log-writes');
    }
    this.entries = this.parse(Number(header.readBigUInt64LE(16)), header.readUInt32LE(24));
  }

  /** Reads the data of a write. */
  dataOf({ logOffset, sizeBytes }: LoggedWrite): Buffer {
    return logOffset === undefined ? Buffer.alloc(sizeBytes) : this.read(logOffset, sizeBytes);
  }

  private parse(count: number, blockBytes: number): (LoggedWrite | LoggedMark)[] {
    const entries: (LoggedWrite | LoggedMark)[] = [];
    for (let offset = blockBytes; entries.length < count; offset += blockBytes) {
      const block = this.read(offset, blockBytes);
      const field = (at: number): bigint => block.readBigUInt64LE(at);
      const flags = field(entry.flags);
      if (flags & flag.mark) {
        const end = entry.bytes + Number(field(entry.textBytes));
        entries.push({ kind: 'mark', text: block.toString('utf8', entry.bytes, end) });
        continue;
      }
      const sizeBytes = Number(field(entry.size)) * blockBytes;
      const isDiscard = (flags & flag.discard) !== 0n;
      entries.push({
        kind: 'write',
        logOffset: isDiscard ? undefined : offset + blockBytes,
        diskOffset: Number(field(entry.place)) * blockBytes,
        sizeBytes,
        isFlush: (flags & flag.flush) !== 0n,
        isForced: (flags & flag.fua) !== 0n,
      });
      if (!isDiscard) offset += sizeBytes;
    }
    return entries;
  }

  private read(offset: number, sizeBytes: number): Buffer {
    const buffer = Buffer.alloc(sizeBytes);
    for (let done = 0; done < sizeBytes; ) {
      const count = readSync(this.fd, buffer, done, sizeBytes - done, offset + done);
      if (count === 0) throw new Error(`the log ends at ${offset + done}`);
      done += count;
    }
    return buffer;
  }
}
