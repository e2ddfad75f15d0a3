import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { KernelBlockMaps } from '../../../src/backends/image/kernel-block-maps.ts';
import { growSparse, makeSparse } from '../../../src/kernel/files/sparse-file.ts';
import { copyFile } from '../../../src/kernel/workers/file-tasks.ts';
import type { BlockType, ByteRange, OpenImage } from '../../../src/model/ports/block-maps.ts';
import { type BlockLayout, layOutRanges } from '../../../src/model/snapshots/block-layout.ts';
import { faultsInChanges, faultsInData } from '../../support/block-truth.ts';
import { imagePlaces } from '../../support/image-places.ts';
import { writeAt } from '../../support/write-at.ts';

const KIB = 1024;
const LARGEST_BYTES = 1024 * KIB;
const RUNS = 25;
const neverAborted = new AbortController().signal;

/** An operation on an image; the place is a part of its size, in thousandths. */
interface Change {
  readonly kind:
    | 'random'
    | 'repeated'
    | 'zeros'
    | 'same'
    | 'hole'
    | 'allocated'
    | 'allocated beyond'
    | 'grown';
  readonly place: number;
  readonly bytes: number;
  readonly isAligned: boolean;
  readonly seed: number;
}

const change: fc.Arbitrary<Change> = fc.record({
  kind: fc.constantFrom(
    'random',
    'repeated',
    'zeros',
    'same',
    'hole',
    'allocated',
    'allocated beyond',
    'grown',
  ),
  place: fc.integer({ min: 0, max: 999 }),
  bytes: fc.oneof(fc.integer({ min: 1, max: 5000 }), fc.integer({ min: 1, max: 300 * KIB })),
  isAligned: fc.boolean(),
  seed: fc.integer({ min: 1, max: 255 }),
});

const sizes = [512, 1536, 4096, 5 * 512, 64 * KIB, 100 * KIB, 256 * KIB + 512, LARGEST_BYTES];
const history = fc.record({
  bytes: fc.constantFrom(...sizes),
  before: fc.array(change, { maxLength: 8 }),
  after: fc.array(change, { maxLength: 6 }),
  startAt: fc.oneof(fc.constant(0), fc.integer({ min: 0, max: 1000 })),
});

async function apply(path: string, { kind, place, bytes, isAligned, seed }: Change): Promise<void> {
  const content = readFileSync(path);
  const size = content.length;
  const exact = Math.floor((size * place) / 1000);
  const offset = isAligned ? exact - (exact % 4096) : exact;
  const length = Math.min(bytes, size - offset);
  const part = ['--offset', `${offset}`, '--length', `${length}`];
  switch (kind) {
    case 'random':
      return writeAt(path, noise(length, seed), offset);
    case 'repeated':
      return writeAt(path, Buffer.alloc(length, seed), offset);
    case 'zeros':
      return writeAt(path, Buffer.alloc(length), offset);
    case 'same':
      return writeAt(path, content.subarray(offset, offset + length), offset);
    case 'hole':
      execFileSync('fallocate', ['--punch-hole', ...part, path]);
      return;
    case 'allocated':
      execFileSync('fallocate', ['--keep-size', ...part, path]);
      return;
    case 'allocated beyond':
      execFileSync('fallocate', ['--keep-size', '--offset', `${size}`, '--length', `${bytes}`, path]);
      return;
    case 'grown':
      return growSparse(path, BigInt(size + Math.ceil(bytes / 512) * 512));
  }
}

/** Incompressible bytes, the same for the same seed. */
function noise(length: number, seed: number): Buffer {
  const bytes = Buffer.alloc(length);
  let state = seed;
  for (let index = 0; index < length; index++) {
    state = (Math.imul(state, 1_103_515_245) + 12_345) >>> 0;
    bytes[index] = state >>> 16;
  }
  return bytes;
}

async function copied(path: string, copy: string): Promise<string> {
  await copyFile(path, copy, { signal: neverAborted, onBytes: () => {}, onWait: () => {} });
  return copy;
}

async function withOpen<T>(
  paths: readonly string[],
  use: (...images: OpenImage[]) => Promise<T>,
): Promise<T> {
  const images: OpenImage[] = [];
  const blockMaps = new KernelBlockMaps();
  try {
    for (const path of paths) {
      const image = await blockMaps.open(path, 'default');
      if (!image) throw new Error(`${path} is not there`);
      images.push(image);
    }
    return await use(...images);
  } finally {
    for (const image of images) image.close();
  }
}

async function collected(ranges: AsyncIterable<ByteRange>): Promise<ByteRange[]> {
  const found: ByteRange[] = [];
  for await (const range of ranges) found.push(range);
  return found;
}

const blockTypes: readonly BlockType[] = ['FIXED_LENGTH', 'VARIABLE_LENGTH'];

/** Expects that the blocks from an offset on equal those of a full listing from there on, and are true. */
async function expectTruth(
  layout: Omit<BlockLayout, 'startingOffset'>,
  startingOffset: bigint,
  rangesOf: (layout: BlockLayout) => AsyncIterable<ByteRange>,
  faultsIn: (reported: BlockLayout & { ranges: readonly ByteRange[] }) => string[],
): Promise<void> {
  const all = { ...layout, startingOffset: 0n };
  const rest = { ...layout, startingOffset };
  const [allRanges, restRanges] = [await collected(rangesOf(all)), await collected(rangesOf(rest))];
  expect(faultsIn({ ...all, ranges: allRanges })).toEqual([]);
  expect(faultsIn({ ...rest, ranges: restRanges })).toEqual([]);
  const isVariable = layout.blockType === 'VARIABLE_LENGTH';
  const expected = allRanges
    .filter(({ end }) => end > startingOffset)
    .map(({ start, end }) => ({ start: isVariable && start < startingOffset ? startingOffset : start, end }));
  expect(restRanges).toEqual(expected);
}

test.each(imagePlaces)(
  'on $name, the reported blocks match the bytes after any operation on an image',
  async ({ make }) => {
    const directory = make();
    const path = join(directory, 'image');
    const [base, target] = [join(directory, 'base'), join(directory, 'target')];
    const property = fc.asyncProperty(history, async ({ bytes, before, after, startAt }) => {
      for (const each of [path, base, target]) await rm(each, { force: true });
      await makeSparse(path, BigInt(bytes));
      for (const each of before) await apply(path, each);
      await copied(path, base);
      for (const each of after) await apply(path, each);
      await copied(path, target);
      await withOpen([base, target], async (baseImage, image) => {
        if (!baseImage || !image) throw new Error('an image is missing');
        const [baseContent, content] = [readFileSync(base), readFileSync(target)];
        const { sizeBytes } = image;
        const startingOffset = (sizeBytes * BigInt(startAt)) / 1000n;
        for (const blockType of blockTypes) {
          await expectTruth(
            { blockType, sizeBytes },
            startingOffset,
            (layout) => layOutRanges(layout, ({ start }) => image.dataRanges(start, neverAborted)),
            (reported) => faultsInData(reported, content),
          );
          await expectTruth(
            { blockType, sizeBytes },
            startingOffset,
            (layout) =>
              layOutRanges(layout, (search) => image.changedRanges(baseImage, search, neverAborted)),
            (reported) => faultsInChanges(reported, baseContent, content),
          );
        }
      });
    });
    await fc.assert(property, { numRuns: RUNS });
  },
);
