/**
 * How the blocks of a snapshot are reported (CSI specification, BlockMetadataType): with one fixed size, or with
 * their own sizes.
 */
export type BlockType = 'FIXED_LENGTH' | 'VARIABLE_LENGTH';

/** A part of an image: the offset of its first byte, and of the first byte after it. */
export interface ByteRange {
  readonly start: bigint;
  readonly end: bigint;
}

/**
 * The data ranges of block device images, as far as the file system knows them without reading the data. A port of
 * the model, like those in ports.ts; only for images without writers, such as those of snapshots.
 */
export interface BlockMaps {
  /**
   * Opens an image. It can be read until it is closed, even if it is removed in the meantime.
   * @param pool the name of its pool in messages
   * @returns undefined if there is none
   * @throws VolumeError unavailable: the disk reports an error
   */
  open(path: string, pool: string): Promise<OpenImage | undefined>;
}

/**
 * An open image. Its ranges are in ascending order and do not overlap; they may be adjacent. Iteration stops with the
 * signal's reason, or with a VolumeError unavailable if the disk reports an error.
 */
export interface OpenImage {
  readonly sizeBytes: bigint;
  /** The ranges with data from an offset on, which may contain zeros; everything else reads as zero. */
  dataRanges(start: bigint, signal: AbortSignal): AsyncIterable<ByteRange>;
  /**
   * The ranges in which it differs from an earlier image of these BlockMaps, which counts as zeros after its end.
   * Blocks that the two share are not read.
   */
  changedRanges(base: OpenImage, search: ChangeSearch, signal: AbortSignal): AsyncIterable<ByteRange>;
  /** The bytes of a range within the image. */
  read(range: ByteRange): Promise<Buffer>;
  close(): void;
}

/** Where to look for changes, and at what granularity. */
export interface ChangeSearch {
  /** A multiple of `granuleBytes`. */
  readonly start: bigint;
  /**
   * A power of two, 1 MiB at most. Data is compared in units of this size, at multiples of it; a unit counts as
   * changed if any byte differs. A part of a unit that is known to be the same never counts.
   */
  readonly granuleBytes: bigint;
}
