import { max, min } from '../../units/bigint.ts';
import { errno, isErrno, KernelError } from '../calls/errno.ts';
import { type IoctlRequest, ioctl } from '../calls/ioctl.ts';
import { firstDataRange, type Range } from './data-ranges.ts';

const FS_IOC_FIEMAP: IoctlRequest = { name: 'FS_IOC_FIEMAP', number: 0xc020660b };
// Without it, data not yet on disk would be missing or reported in its old state.
const FIEMAP_FLAG_SYNC = 1;

/** struct fiemap; the extents follow it. */
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

// With any of these flags, the bytes at the address are not the bytes of the file.
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

const noExtentMapNumbers = [errno.EOPNOTSUPP, errno.ENOTTY, errno.ENOSYS];

/** A part of a file that holds data; everything outside extents reads as zero. */
export interface Extent extends Range {
  /** The address of its first byte; undefined if unknown, or if the data there is stored in another form. */
  readonly address: bigint | undefined;
  /** Whether the file system reports that other files, or other parts of this one, share the blocks. */
  readonly isShared: boolean;
}

/** The extents of a part of a file. */
export interface ExtentMap {
  readonly extents: readonly Extent[];
  /** The offset up to which the list is complete. */
  readonly end: bigint;
}

/**
 * The extents of an open file between two offsets, or the first of them, after writing dirty data to disk. Space that
 * is only preallocated (fallocate) holds no data and is not included. If the file system has no map (tmpfs, NFS),
 * extents have no addresses and may extend slightly into the holes around them. Moves the position of the open file.
 */
export async function extentsOf(fd: number, { start, end }: Range): Promise<ExtentMap> {
  if (start >= end) return { extents: [], end };
  try {
    return await mappedExtents(fd, { start, end });
  } catch (error) {
    if (isErrno(error, ...noExtentMapNumbers)) return extentsBySeeking(fd, { start, end });
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
  const reported = Array.from({ length: map.readUInt32LE(fiemap.mappedCount) }, (_, index) =>
    decode(map, fiemap.bytes + index * fiemapExtent.bytes),
  );
  const extents = reported.flatMap((extent) => clipToRange(extent, { start, end }));
  const last = reported.at(-1);
  if (reported.length < EXTENTS_PER_CALL || last === undefined || last.isLast || last.end >= end) {
    return { extents, end };
  }
  // The caller would repeat the same request without progress.
  if (last.end <= start) throw new KernelError(FS_IOC_FIEMAP.name, errno.EIO, `descriptor ${fd}`);
  return { extents, end: last.end };
}

interface RawExtent extends Range {
  readonly physical: bigint;
  readonly flags: number;
  readonly isLast: boolean;
}

function decode(map: Buffer, at: number): RawExtent {
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

/** The part of an extent within a range, as a list; empty if it holds no data there. */
function clipToRange(extent: RawExtent, range: Range): Extent[] {
  const { flags, physical } = extent;
  // Delayed writes to preallocated space are data, whatever the other flags say.
  if ((flags & flag.unwritten) !== 0 && (flags & flag.delayed) === 0) return [];
  const start = max(extent.start, range.start);
  const end = min(extent.end, range.end);
  if (start >= end) return [];
  const address = (flags & NO_ADDRESS) === 0 ? physical + (start - extent.start) : undefined;
  return [{ start, end, address, isShared: (flags & flag.shared) !== 0 }];
}

async function extentsBySeeking(fd: number, { start, end }: Range): Promise<ExtentMap> {
  const extents: Extent[] = [];
  for (let from = start; ; ) {
    const range = await firstDataRange(fd, { start: from, end });
    if (range === undefined) return { extents, end };
    extents.push({ ...range, address: undefined, isShared: false });
    if (extents.length === EXTENTS_PER_CALL) return { extents, end: range.end };
    from = range.end;
  }
}
