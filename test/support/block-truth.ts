import type { ByteRange } from '../../src/model/ports/block-maps.ts';
import type { BlockLayout } from '../../src/model/snapshots/block-layout.ts';

const PAGE_BYTES = 4096;
const LARGEST_BLOCK_BYTES = 65_536;

/** The reported blocks of an image, and the bytes to verify them. */
export interface ReportedBlocks extends BlockLayout {
  readonly ranges: readonly ByteRange[];
}

/** The errors in the reported changes between two images; empty if there are none. */
export function faultsInChanges(reported: ReportedBlocks, base: Buffer, target: Buffer): string[] {
  const before = Buffer.alloc(target.length);
  base.copy(before);
  const isChanged = (start: number, end: number) => before.compare(target, start, end, start, end) !== 0;
  return [...faultsOfForm(reported), ...leftOut(reported, isChanged), ...tooMany(reported, isChanged)];
}

/** The same for the blocks with data: they can include zeros, but must not omit other bytes. */
export function faultsInData(reported: ReportedBlocks, content: Buffer): string[] {
  const zeros = Buffer.alloc(content.length);
  const isData = (start: number, end: number) => content.compare(zeros, start, end, start, end) !== 0;
  return [...faultsOfForm(reported), ...leftOut(reported, isData)];
}

function faultsOfForm({ blockType, sizeBytes, startingOffset, ranges }: ReportedBlocks): string[] {
  const faults: string[] = [];
  const block = BigInt(blockBytesOf(Number(sizeBytes)));
  let lastEnd = -1n;
  for (const { start, end } of ranges) {
    const where = `${start}-${end}`;
    if (start < 0n || end <= start || end > sizeBytes) faults.push(`${where} is no part of the image`);
    if (end <= startingOffset) faults.push(`${where} ends before the starting offset`);
    if (blockType === 'FIXED_LENGTH') {
      if (start % block !== 0n || end - start !== block)
        faults.push(`${where} is no block of ${block} bytes`);
      if (start < lastEnd) faults.push(`${where} overlaps`);
    } else {
      if (start < startingOffset) faults.push(`${where} begins before the starting offset`);
      if (start <= lastEnd) faults.push(`${where} could be one with what comes before`);
    }
    lastEnd = end;
  }
  return faults;
}

/** The bytes from the starting offset on that should be reported and are not. */
function leftOut(
  { sizeBytes, startingOffset, ranges }: ReportedBlocks,
  isWanted: (start: number, end: number) => boolean,
): string[] {
  const faults: string[] = [];
  let position = Number(startingOffset);
  for (const { start, end } of [...ranges, { start: sizeBytes, end: sizeBytes }]) {
    if (Number(start) > position && isWanted(position, Number(start))) {
      faults.push(`something in ${position}-${start} is left out`);
    }
    position = Math.max(position, Number(end));
  }
  return faults;
}

/** The pages or blocks that are reported and should not be. */
function tooMany(
  { blockType, sizeBytes, ranges }: ReportedBlocks,
  isWanted: (start: number, end: number) => boolean,
): string[] {
  const size = Number(sizeBytes);
  const granule = blockType === 'FIXED_LENGTH' ? blockBytesOf(size) : PAGE_BYTES;
  const faults: string[] = [];
  for (const { start, end } of ranges) {
    for (let at = Number(start) - (Number(start) % granule); at < Number(end); at += granule) {
      const granuleEnd = Math.min(at + granule, size);
      if (!isWanted(at, granuleEnd)) faults.push(`${at}-${granuleEnd} is not changed`);
    }
  }
  return faults;
}

function blockBytesOf(sizeBytes: number): number {
  let bytes = LARGEST_BLOCK_BYTES;
  while (sizeBytes % bytes !== 0) bytes /= 2;
  return bytes;
}
