import { randomBytes } from 'node:crypto';
import { beforeEach, describe, expect, test } from 'vitest';
import type { BlockMaps, ByteRange, OpenImage } from '../../src/model/ports/block-maps.ts';
import { mergeAdjacent } from '../../src/model/snapshots/block-ranges.ts';

/** BlockMaps, and images for them that can be written to while they are not open. */
export interface BlockMapsSubject {
  readonly blockMaps: BlockMaps;
  /** Makes a blank image. @returns its path */
  makeImage(bytes: number): Promise<string>;
  write(path: string, data: Buffer, offset: number): Promise<void>;
  grow(path: string, bytes: number): Promise<void>;
  /** Copies an image as a snapshot does. @returns the copy's path */
  copy(path: string): Promise<string>;
  remove(path: string): Promise<void>;
}

const KIB = 1024;
const MIB = 1024 ** 2;
const SIZE = 8 * MIB;
const neverAborted = new AbortController().signal;

/** What every implementation of BlockMaps must do. */
export function blockMapsContract(name: string, prepare: () => Promise<BlockMapsSubject>): void {
  describe(`${name} fulfils the BlockMaps contract`, () => {
    let subject: BlockMapsSubject;
    let path: string;

    beforeEach(async () => {
      subject = await prepare();
      path = await subject.makeImage(SIZE);
    });

    async function opened(image: string): Promise<OpenImage> {
      const found = await subject.blockMaps.open(image, 'default');
      if (!found) throw new Error(`${image} is not there`);
      return found;
    }

    async function dataOf(image: string, start = 0): Promise<ByteRange[]> {
      const open = await opened(image);
      try {
        return await all(open.dataRanges(BigInt(start), neverAborted));
      } finally {
        open.close();
      }
    }

    async function changes(base: string, target: string, start = 0, granule = 4096): Promise<ByteRange[]> {
      const [baseImage, image] = [await opened(base), await opened(target)];
      try {
        const search = { start: BigInt(start), granuleBytes: BigInt(granule) };
        return await all(image.changedRanges(baseImage, search, neverAborted));
      } finally {
        baseImage.close();
        image.close();
      }
    }

    test('opening a missing image fails', async () => {
      expect(await subject.blockMaps.open(`${path}.missing`, 'default')).toBeUndefined();
    });

    test('an image has its size, and no data until something is written', async () => {
      const image = await opened(path);
      expect(image.sizeBytes).toBe(BigInt(SIZE));
      image.close();
      expect(await dataOf(path)).toEqual([]);
    });

    test('written bytes are in data ranges, and most of the rest is not', async () => {
      await subject.write(path, randomBytes(64 * KIB), MIB);
      await subject.write(path, Buffer.alloc(64 * KIB, 'x'), 5 * MIB);
      const ranges = await dataOf(path);
      expect(covers(ranges, MIB, MIB + 64 * KIB)).toBe(true);
      expect(covers(ranges, 5 * MIB, 5 * MIB + 64 * KIB)).toBe(true);
      expect(lengthOf(ranges)).toBeLessThan(2 * MIB);
    });

    test('bytes are read, and holes read as zeros', async () => {
      await subject.write(path, Buffer.from('abc'), MIB);
      const image = await opened(path);
      const bytes = await image.read({ start: BigInt(MIB - 2), end: BigInt(MIB + 4) });
      image.close();
      expect(bytes).toEqual(Buffer.from('\0\0abc\0'));
    });

    test('data is reported from an offset on, also from the middle of a range', async () => {
      await subject.write(path, randomBytes(64 * KIB), MIB);
      await subject.write(path, randomBytes(64 * KIB), 5 * MIB);
      const ranges = await dataOf(path, MIB + 32 * KIB);
      expect(ranges[0]?.start).toBe(BigInt(MIB + 32 * KIB));
      expect(covers(ranges, 5 * MIB, 5 * MIB + 64 * KIB)).toBe(true);
      expect(await dataOf(path, 6 * MIB)).toEqual([]);
    });

    test('a copy equals its original, and an image equals itself', async () => {
      await subject.write(path, randomBytes(MIB), MIB);
      const copy = await subject.copy(path);
      expect(await changes(path, copy)).toEqual([]);
      expect(await changes(copy, path)).toEqual([]);
      expect(await changes(path, path)).toEqual([]);
    });

    test.each([512, 4 * KIB, 64 * KIB])(
      'changing a byte changes at most its granule of %d bytes, and no other',
      async (granule) => {
        await subject.write(path, Buffer.alloc(MIB, 'a'), MIB);
        const copy = await subject.copy(path);
        const offsets = [MIB + 5 * KIB, 6 * MIB + 1];
        for (const offset of offsets) await subject.write(path, Buffer.from('b'), offset);
        for (const ranges of [await changes(copy, path, 0, granule), await changes(path, copy, 0, granule)]) {
          expect(ranges.map(({ start }) => Math.floor(Number(start) / granule))).toEqual(
            offsets.map((offset) => Math.floor(offset / granule)),
          );
          for (const [index, offset] of offsets.entries()) {
            expect(covers(ranges.slice(index, index + 1), offset, offset + 1)).toBe(true);
          }
          expect(lengthOf(ranges)).toBeLessThanOrEqual(2 * granule);
        }
      },
    );

    test('changes are reported from an offset on', async () => {
      const copy = await subject.copy(path);
      await subject.write(path, randomBytes(64 * KIB), MIB);
      expect(await changes(copy, path, MIB + 32 * KIB)).toEqual([range(MIB + 32 * KIB, MIB + 64 * KIB)]);
      expect(await changes(copy, path, 2 * MIB)).toEqual([]);
    });

    test('writing zeros is a change over data, but not over a hole', async () => {
      await subject.write(path, Buffer.alloc(64 * KIB, 'a'), MIB);
      const copy = await subject.copy(path);
      await subject.write(path, Buffer.alloc(64 * KIB), 4 * MIB);
      await subject.write(path, Buffer.alloc(8 * KIB), MIB);
      expect(covers(await dataOf(path), 4 * MIB, 4 * MIB + 64 * KIB)).toBe(true);
      expect(await changes(copy, path)).toEqual([range(MIB, MIB + 8 * KIB)]);
    });

    test('after its end an earlier image counts as zeros', async () => {
      await subject.write(path, randomBytes(4 * KIB), SIZE - 4 * KIB);
      const copy = await subject.copy(path);
      await subject.grow(path, 2 * SIZE);
      expect(await changes(copy, path)).toEqual([]);
      await subject.write(path, Buffer.alloc(4 * KIB, 'x'), SIZE + MIB);
      expect(await changes(copy, path)).toEqual([range(SIZE + MIB, SIZE + MIB + 4 * KIB)]);
      expect(await changes(copy, path, SIZE + 2 * MIB)).toEqual([]);
      expect(await changes(path, copy)).toEqual([]);
    });

    test('an image that is removed while open can be read to its end', async () => {
      await subject.write(path, randomBytes(4 * KIB), 0);
      const copy = await subject.copy(path);
      await subject.write(copy, randomBytes(4 * KIB), 7 * MIB);
      const [base, target] = [await opened(path), await opened(copy)];
      await subject.remove(path);
      await subject.remove(copy);
      const search = { start: 0n, granuleBytes: 4096n };
      expect(covers(await all(target.dataRanges(0n, neverAborted)), 0, 4 * KIB)).toBe(true);
      const changed = await all(target.changedRanges(base, search, neverAborted));
      expect(changed).toEqual([range(7 * MIB, 7 * MIB + 4 * KIB)]);
      base.close();
      target.close();
      expect(await subject.blockMaps.open(path, 'default')).toBeUndefined();
    });

    test('an abort fails with its reason, before the first range and between two ranges', async () => {
      const copy = await subject.copy(path);
      for (const offset of [MIB, 3 * MIB, 5 * MIB]) await subject.write(path, randomBytes(4 * KIB), offset);
      const [base, target] = [await opened(copy), await opened(path)];
      const search = { start: 0n, granuleBytes: 4096n };
      const reason = new Error('enough');
      const stopped = AbortSignal.abort(reason);
      await expect(all(target.dataRanges(0n, stopped))).rejects.toBe(reason);
      await expect(all(target.changedRanges(base, search, stopped))).rejects.toBe(reason);
      const stopping = new AbortController();
      const changes = target.changedRanges(base, search, stopping.signal)[Symbol.asyncIterator]();
      expect(await changes.next()).toMatchObject({ done: false });
      stopping.abort(reason);
      await expect(changes.next()).rejects.toBe(reason);
      base.close();
      target.close();
    });
  });
}

/** All ranges, with adjacent ones joined; expects them to be in order and not to overlap. */
async function all(ranges: AsyncIterable<ByteRange>): Promise<ByteRange[]> {
  const found: ByteRange[] = [];
  for await (const { start, end } of mergeAdjacent(ranges)) {
    expect(start).toBeLessThan(end);
    expect(start).toBeGreaterThan(found.at(-1)?.end ?? -1n);
    found.push({ start, end });
  }
  return found;
}

function range(start: number, end: number): ByteRange {
  return { start: BigInt(start), end: BigInt(end) };
}

function covers(ranges: readonly ByteRange[], start: number, end: number): boolean {
  return ranges.some((each) => each.start <= BigInt(start) && BigInt(end) <= each.end);
}

function lengthOf(ranges: readonly ByteRange[]): number {
  return ranges.reduce((sum, { start, end }) => sum + Number(end - start), 0);
}
