import { errno, isErrno, KernelError } from '../calls/errno.ts';
import { type IoctlRequest, ioctl } from '../calls/ioctl.ts';
import { max, min } from './bounds.ts';
import { dataRanges, type Range } from './data-ranges.ts';

const FS_IOC_FIEMAP: IoctlRequest = { name: 'FS_IOC_FIEMAP', number: 0xc020660b };
// Without it what is not on the disk yet would be missing, or told as it was before.
const FIEMAP_FLAG_SYNC = 1;

/** struct fiemap, which the extents follow. */
const fiemap = { bytes: 32, start: 0, length: 8, flags: 16, mappedCount: 20, extentCount: 24 } as const;
/** struct fiemap_extent. */
const fiemapExtent = { bytes: 56, logical: 0, physical: 8, length: 16, flags: 40 } as const;

/** FIEMAP_EXTENT_*. */
const flag = {
  last: 0x1,
  unknown: 0x2,
  delayed: 0x4,
  encoded: 0x8,
  encrypted: 0x80,
  notAligned: 0x100,
  inline: 0x200,
  tail: 0x400,
  unwritten: 0x800,
  shared: 0x2000,
} as const;

// With any of these what lies at the address is not, byte for byte, what the file holds.
const NO_ADDRESS =
  flag.unknown |
  flag.delayed |
  flag.encoded |
  flag.encrypted |
  flag.notAligned |
  flag.inline |
  flag.tail |
  flag.unwritten;

const EXTENTS_PER_CALL = 256;

const fileSystemHasNoMap = [errno.EOPNOTSUPP, errno.ENOTTY, errno.ENOSYS];

/** A part of a file that holds data; where there is none, the file reads as zero. */
export interface Extent extends Range {
  /** Where its first byte lies; undefined where nothing tells, or what lies there has another form. */
  readonly address: bigint | undefined;
  /** Whether the file system says that other files, or other parts of this one, hold the same blocks. */
  readonly isShared: boolean;
}

/** The extents of a part of a file. */
export interface ExtentMap {
  readonly extents: readonly Extent[];
  /** How far they go: up to here there are no others. */
  readonly end: bigint;
}

/**
 * The extents of an open file from one offset up to another, or a part of them from the beginning on, with what is
 * written to it on the disk. Space that was only set aside (fallocate) holds nothing, so it is none of them. Where the
 * file system has no map (tmpfs, NFS) they have no addresses, and may reach a little into the holes around them. Moves
 * the position of the open file.
 */
export async function extentsOf(fd: number, { start, end }: Range): Promise<ExtentMap> {
  if (start >= end) return { extents: [], end };
  try {
    return await mappedExtents(fd, { start, end });
  } catch (error) {
    if (isErrno(error, ...fileSystemHasNoMap)) return soughtExtents(fd, { start, end });
    throw error;
  }
}

async function mappedExtents(fd: number, { start, end }: Range): Promise<ExtentMap> {
  const map = Buffer.alloc(fiemap.bytes + EXTENTS_PER_CALL * fiemapExtent.bytes);
  map.writeBigUInt64LE(start, fiemap.start);
  map.writeBigUInt64LE(end - start, fiemap.length);
  map.writeUInt32LE(FIEMAP_FLAG_SYNC, fiemap.flags);
  map.writeUInt32LE(EXTENTS_PER_CALL, fiemap.extentCount);
  await ioctl(fd, FS_IOC_FIEMAP, map);
  const told = Array.from({ length: map.readUInt32LE(fiemap.mappedCount) }, (_, index) =>
    decode(map, fiemap.bytes + index * fiemapExtent.bytes),
  );
  const extents = told.flatMap((extent) => heldWithin(extent, { start, end }));
  const last = told.at(-1);
  if (told.length < EXTENTS_PER_CALL || last === undefined || last.isLast || last.end >= end) {
    return { extents, end };
  }
  // Whoever asks for the rest would ask the same again.
  if (last.end <= start) throw new KernelError(FS_IOC_FIEMAP.name, errno.EIO, `descriptor ${fd}`);
  return { extents, end: last.end };
}

interface ToldExtent extends Range {
  readonly physical: bigint;
  readonly flags: number;
  readonly isLast: boolean;
}

function decode(map: Buffer, at: number): ToldExtent {
  const start = map.readBigUInt64LE(at + fiemapExtent.logical);
  const flags = map.readUInt32LE(at + fiemapExtent.flags);
  return {
    start,
    end: start + map.readBigUInt64LE(at + fiemapExtent.length),
    physical: map.readBigUInt64LE(at + fiemapExtent.physical),
    flags,
    isLast: (flags & flag.last) !== 0,
  };
}

/** An extent as far as it lies within a range, in a list; an empty one where it holds nothing there. */
function heldWithin(extent: ToldExtent, range: Range): Extent[] {
  const { flags, physical } = extent;
  // Delayed writes to space that was set aside are data, whatever else is said of them.
  if ((flags & flag.unwritten) !== 0 && (flags & flag.delayed) === 0) return [];
  const start = max(extent.start, range.start);
  const end = min(extent.end, range.end);
  if (start >= end) return [];
  const address = (flags & NO_ADDRESS) === 0 ? physical + (start - extent.start) : undefined;
  return [{ start, end, address, isShared: (flags & flag.shared) !== 0 }];
}

async function soughtExtents(fd: number, { start, end }: Range): Promise<ExtentMap> {
  const extents: Extent[] = [];
  for await (const range of dataRanges(fd, end, start)) {
    extents.push({ ...range, address: undefined, isShared: false });
    if (extents.length === EXTENTS_PER_CALL) return { extents, end: range.end };
  }
  return { extents, end };
}
