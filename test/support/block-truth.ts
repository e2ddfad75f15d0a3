import type { ByteRange } from '../../src/model/ports/block-maps.ts';
import type { BlockLayout } from '../../src/model/snapshots/block-layout.ts';

const PAGE_BYTES = 4096;
const LARGEST_BLOCK_BYTES = 65_536;

/** What is told of an image's blocks, and the bytes that say whether it is true. */
export interface Told extends BlockLayout {
  readonly ranges: readonly ByteRange[];
}

/** What is wrong with the changed blocks that are told of two images; empty where all of it is true. */
export function faultsInChanges(told: Told, base: Buffer, target: Buffer): string[] {
  const before = Buffer.alloc(target.length);
  base.copy(before);
  const isChanged = (start: number, end: number) => before.compare(target, start, end, start, end) !== 0;
  return [...faultsOfForm(told), ...leftOut(told, isChanged), ...tooMany(told, isChanged)];
}

/** The same for the blocks that hold data: zeros may be among them, but nothing that is not zero is left out. */
export function faultsInData(told: Told, content: Buffer): string[] {
  const zeros = Buffer.alloc(content.length);
  const isData = (start: number, end: number) => content.compare(zeros, start, end, start, end) !== 0;
  return [...faultsOfForm(told), ...leftOut(told, isData)];
}

function faultsOfForm({ blockType, sizeBytes, startingOffset, ranges }: Told): string[] {
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

/** The bytes from the starting offset on that should be told and are not. */
function leftOut(
  { sizeBytes, startingOffset, ranges }: Told,
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

/** The pages or blocks that are told and should not be. */
function tooMany(
  { blockType, sizeBytes, ranges }: Told,
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
