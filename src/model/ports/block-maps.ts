/** How the blocks of a snapshot are told (CSI specification, BlockMetadataType): all of one size, or as they are. */
export type BlockType = 'FIXED_LENGTH' | 'VARIABLE_LENGTH';

/** A part of an image: the offset of its first byte, and of the first one after it. */
export interface ByteRange {
  readonly start: bigint;
  readonly end: bigint;
}

/**
 * What is where in the images of block devices, as far as the file system knows it without reading them. Another port of
 * the model's, like those in ports.ts; only of images that nobody writes to, which those of snapshots are.
 */
export interface BlockMaps {
  /**
   * Opens an image. It can be looked at until it is closed, also when it is removed meanwhile.
   * @param pool how the pool it lies in is called in messages
   * @returns undefined where there is none
   * @throws VolumeError unavailable: the disk reports an error
   */
  open(path: string, pool: string): Promise<OpenImage | undefined>;
}

/**
 * An image that is open. Its ranges come in ascending order and do not overlap; adjacent ones may follow each other.
 * Whoever goes through them stops with the signal's reason, or with a VolumeError unavailable where the disk reports an
 * error.
 */
export interface OpenImage {
  readonly sizeBytes: bigint;
  /** The ranges from an offset on that hold data, zeros among them; all the rest reads as zero. */
  dataRanges(start: bigint, signal: AbortSignal): AsyncIterable<ByteRange>;
  /**
   * The ranges in which it differs from an earlier image of these BlockMaps, which counts as zeros after its end. What the
   * two have in common is not read.
   */
  changedRanges(base: OpenImage, search: ChangeSearch, signal: AbortSignal): AsyncIterable<ByteRange>;
  close(): void;
}

/** Where changes are looked for, and how closely. */
export interface ChangeSearch {
  /** A multiple of `granuleBytes`. */
  readonly start: bigint;
  /**
   * A power of two, 1 MiB at most. Of what is read, so much at a time, at multiples of it, counts as changed where any
   * byte of it is; of a part of it that is known to be the same, nothing does.
   */
  readonly granuleBytes: bigint;
}
