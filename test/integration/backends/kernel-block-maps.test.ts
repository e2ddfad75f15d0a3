import { randomBytes } from 'node:crypto';
import { rm, symlink, truncate } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { KernelBlockMaps } from '../../../src/backends/image/kernel-block-maps.ts';
import { growSparse, makeSparse } from '../../../src/kernel/files/sparse-file.ts';
import { copyFile } from '../../../src/kernel/workers/file-tasks.ts';
import type { ByteRange } from '../../../src/model/ports/block-maps.ts';
import { blockMapsContract } from '../../contracts/block-maps-contract.ts';
import { isHostRoot } from '../../support/host-root.ts';
import { type ImagePlace, imagePlaces } from '../../support/image-places.ts';
import { GIB, MIB } from '../../support/loop.ts';
import { scratchDirectory } from '../../support/scratch.ts';
import { writeAt } from '../../support/write-at.ts';

const neverAborted = new AbortController().signal;

for (const { name, make } of imagePlaces) {
  blockMapsContract(`KernelBlockMaps on ${name}`, async () => {
    const directory = make();
    let lastImage = 0;
    const newPath = () => join(directory, `image-${++lastImage}`);
    return {
      blockMaps: new KernelBlockMaps(),
      async makeImage(bytes) {
        const path = newPath();
        await makeSparse(path, BigInt(bytes));
        return path;
      },
      write: writeAt,
      grow: (path, bytes) => growSparse(path, BigInt(bytes)),
      async copy(path) {
        const copy = newPath();
        await copied(path, copy);
        return copy;
      },
      remove: rm,
    };
  });
}

/** Copies an image as a snapshot does. */
async function copied(path: string, copy: string): Promise<string> {
  await copyFile(path, copy, { signal: neverAborted, onBytes: () => {}, onWait: () => {} });
  return copy;
}

/** The differences between two images, and how much was read to find them. */
async function compared(base: string, target: string): Promise<{ ranges: ByteRange[]; readBytes: number }> {
  let readBytes = 0;
  const blockMaps = new KernelBlockMaps((bytes) => {
    readBytes += bytes;
  });
  const [baseImage, image] = [await blockMaps.open(base, 'p'), await blockMaps.open(target, 'p')];
  if (!baseImage || !image) throw new Error('an image is missing');
  try {
    const ranges: ByteRange[] = [];
    const search = { start: 0n, granuleBytes: 4096n };
    for await (const range of image.changedRanges(baseImage, search, neverAborted)) ranges.push(range);
    return { ranges, readBytes };
  } finally {
    baseImage.close();
    image.close();
  }
}

async function imageOf(directory: string, bytes: bigint): Promise<string> {
  const path = join(directory, 'image');
  await makeSparse(path, bytes);
  return path;
}

function sharing(): ImagePlace[] {
  return imagePlaces.filter((place) => place.tellsShared);
}

describe.skipIf(!isHostRoot)('shared blocks are not read', () => {
  test.each(sharing())('on $name: of a large image, only what has changed is read', async ({ make }) => {
    const directory = make();
    const path = await imageOf(directory, 16n * GIB);
    for (let at = 0n; at < 16n * GIB; at += GIB)
      await writeAt(path, randomBytes(4 * Number(MIB)), Number(at));
    const base = await copied(path, join(directory, 'base'));
    const changed = 9n * GIB + MIB;
    await writeAt(path, randomBytes(8192), Number(changed));
    await writeAt(path, Buffer.alloc(8192), Number(9n * GIB + 512n * MIB));
    const target = await copied(path, join(directory, 'target'));
    const { ranges, readBytes } = await compared(base, target);
    expect(ranges).toEqual([
      { start: changed, end: changed + 4096n },
      { start: changed + 4096n, end: changed + 8192n },
    ]);
    // New data is in extents of its own, on both sides; the zeros are where the base has a hole.
    expect(readBytes).toBe(8192 * 2 + 8192);
  });

  test.each(sharing())('on $name: also after their volume is deleted', async ({ make }) => {
    const directory = make();
    const path = await imageOf(directory, GIB);
    await writeAt(path, randomBytes(Number(MIB)), 0);
    const base = await copied(path, join(directory, 'base'));
    const target = await copied(path, join(directory, 'target'));
    await rm(path);
    expect(await compared(base, target)).toEqual({ ranges: [], readBytes: 0 });
  });
});

test('an image that is truncated during the comparison is an error, and no part of it counts as equal', async () => {
  const directory = scratchDirectory();
  const base = await imageOf(directory, 3n * MIB);
  await writeAt(base, Buffer.alloc(3 * Number(MIB), 'a'), 0);
  const target = await copied(base, join(directory, 'target'));
  await writeAt(target, Buffer.alloc(3 * Number(MIB), 'b'), 0);
  const blockMaps = new KernelBlockMaps();
  const [baseImage, image] = [await blockMaps.open(base, 'fast'), await blockMaps.open(target, 'fast')];
  if (!baseImage || !image) throw new Error('an image is missing');
  const changes = image.changedRanges(baseImage, { start: 0n, granuleBytes: 4096n }, neverAborted);
  const goOn = async () => {
    for await (const _ of changes) for (const path of [base, target]) await truncate(path, 0);
  };
  await expect(goOn()).rejects.toMatchObject({
    kind: 'unavailable',
    message: expect.stringContaining('pool "fast"'),
  });
  baseImage.close();
  image.close();
});

test('a symbolic link is not followed', async () => {
  const directory = scratchDirectory();
  const image = await imageOf(directory, MIB);
  const link = join(directory, 'link');
  await symlink(image, link);
  await expect(new KernelBlockMaps().open(link, 'fast')).rejects.toMatchObject({ code: 'ELOOP' });
});
