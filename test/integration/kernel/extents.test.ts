import { execFileSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { closeSync, constants, copyFileSync, ftruncateSync, openSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, onTestFinished, test } from 'vitest';
import { addressSpaceOf } from '../../../src/kernel/file-systems/address-space.ts';
import { createSubvolume } from '../../../src/kernel/file-systems/btrfs.ts';
import { type Extent, extentsOf } from '../../../src/kernel/files/extents.ts';
import { btrfs } from '../../support/btrfs.ts';
import { mountedImage } from '../../support/disk-image.ts';
import { isHostRoot } from '../../support/host-root.ts';
import { type ImagePlace, imagePlaces } from '../../support/image-places.ts';
import { opened } from '../../support/loop.ts';

const KIB = 1024;
const MIB = 1024 ** 2;

/** A new sparse file of a size, open. */
function fileIn(directory: string, bytes: number, name = 'file'): { path: string; fd: number } {
  const path = join(directory, name);
  const fd = openSync(path, 'wx+');
  onTestFinished(() => closeSync(fd));
  ftruncateSync(fd, bytes);
  return { path, fd };
}

/** All extents up to an offset, with as many calls as needed, and their number. */
async function allExtents(
  fd: number,
  end: number,
  start = 0,
): Promise<{ extents: Extent[]; callCount: number }> {
  const extents: Extent[] = [];
  let callCount = 0;
  for (let position = BigInt(start); position < BigInt(end); callCount++) {
    const map = await extentsOf(fd, { start: position, end: BigInt(end) });
    expect(map.end).toBeGreaterThan(position);
    extents.push(...map.extents);
    position = map.end;
  }
  return { extents, callCount };
}

const placeOf = ({ start, end }: Extent) => [Number(start), Number(end)];

/** The same with adjacent extents joined, because file systems split them at will. */
function joinedPlaces(extents: readonly Extent[]): number[][] {
  const places: number[][] = [];
  for (const [start = 0, end = 0] of extents.map(placeOf)) {
    const last = places.at(-1);
    if (last?.[1] === start) last[1] = end;
    else places.push([start, end]);
  }
  return places;
}

const named = (...wanted: string[]): ImagePlace[] => imagePlaces.filter(({ name }) => wanted.includes(name));

describe.each(imagePlaces)('on $name', ({ make }) => {
  test('an empty file and a blank one have no extents', async () => {
    const directory = make();
    const { fd } = fileIn(directory, 0);
    expect(await extentsOf(fd, { start: 0n, end: 0n })).toEqual({ extents: [], end: 0n });
    const blank = fileIn(directory, 8 * MIB, 'blank');
    expect(await extentsOf(blank.fd, { start: 0n, end: BigInt(8 * MIB) })).toEqual({
      extents: [],
      end: BigInt(8 * MIB),
    });
  });

  test('written data is in extents, on the disk or not, and holes are not', async () => {
    const { fd } = fileIn(make(), 16 * MIB);
    writeSync(fd, randomBytes(MIB), 0, MIB, MIB);
    writeSync(fd, Buffer.alloc(64 * KIB), 0, 64 * KIB, 5 * MIB);
    const { extents } = await allExtents(fd, 16 * MIB);
    expect(joinedPlaces(extents)).toEqual([
      [MIB, 2 * MIB],
      [5 * MIB, 5 * MIB + 64 * KIB],
    ]);
  });

  test('preallocated space holds no data, but data written into it is found', async () => {
    const { path, fd } = fileIn(make(), 4 * MIB);
    execFileSync('fallocate', ['--length', `${8 * MIB}`, '--keep-size', path]);
    expect(joinedPlaces((await allExtents(fd, 4 * MIB)).extents)).toEqual([]);
    writeSync(fd, randomBytes(64 * KIB), 0, 64 * KIB, MIB);
    expect(joinedPlaces((await allExtents(fd, 4 * MIB)).extents)).toEqual([[MIB, MIB + 64 * KIB]]);
  });

  test('extents end at the end of the requested range', async () => {
    const { fd } = fileIn(make(), 4 * MIB);
    writeSync(fd, randomBytes(MIB), 0, MIB, MIB);
    const { extents } = await allExtents(fd, 2 * MIB - 512, MIB + 4 * KIB);
    expect(joinedPlaces(extents)).toEqual([[MIB + 4 * KIB, 2 * MIB - 512]]);
  });

  test('a file of many extents is listed in parts, without omissions', async () => {
    const count = 700;
    const { fd } = fileIn(make(), count * 16 * KIB);
    const page = randomBytes(4 * KIB);
    const written = Array.from({ length: count }, (_, index) => index * 16 * KIB);
    for (const offset of written) writeSync(fd, page, 0, page.length, offset);
    const { extents, callCount } = await allExtents(fd, count * 16 * KIB);
    expect(joinedPlaces(extents)).toEqual(written.map((offset) => [offset, offset + 4 * KIB]));
    expect(callCount).toBeGreaterThan(1);
  });
});

describe.each(named('XFS', 'XFS with small blocks', 'btrfs', 'ext4'))(
  'addresses on $name',
  ({ make, tellsShared }) => {
    test('are continuous within an extent, and equal for copies that share blocks', async () => {
      const directory = make();
      const { path, fd } = fileIn(directory, MIB);
      writeSync(fd, randomBytes(MIB));
      const copy = join(directory, 'copy');
      copyFileSync(path, copy, constants.COPYFILE_FICLONE);
      const [whole] = (await allExtents(fd, MIB)).extents;
      if (whole?.address === undefined) throw new Error('the file has no extent with an address');
      expect(whole.isShared).toBe(tellsShared);
      const [part] = (await allExtents(fd, 256 * KIB, 64 * KIB)).extents;
      expect(part?.address).toBe(whole.address + BigInt(64 * KIB));
      const [copied] = (await allExtents(opened(copy, 'r'), MIB)).extents;
      expect(copied?.address === whole.address).toBe(tellsShared);
      expect(copied?.isShared).toBe(tellsShared);
    });

    test('of data that was not copied are not shared', async () => {
      const { fd } = fileIn(make(), MIB);
      writeSync(fd, randomBytes(MIB));
      const { extents } = await allExtents(fd, MIB);
      expect(extents.map(({ isShared }) => isShared)).toEqual(extents.map(() => false));
    });
  },
);

test.each(named('btrfs that compresses'))('compressed data has no address: $name', async ({ make }) => {
  const { fd } = fileIn(make(), MIB);
  writeSync(fd, Buffer.alloc(MIB, 'compressible'));
  const { extents } = await allExtents(fd, MIB);
  expect(joinedPlaces(extents)).toEqual([[0, MIB]]);
  expect(extents.map(({ address }) => address)).toEqual(extents.map(() => undefined));
});

test.each(named('btrfs'))('data inside the metadata has no address: $name', async ({ make }) => {
  const { fd } = fileIn(make(), 0);
  writeSync(fd, 'a few bytes');
  const { extents } = await allExtents(fd, 11);
  expect(extents).toEqual([{ start: 0n, end: 11n, address: undefined, isShared: false }]);
});

test.each(named('tmpfs'))('without an extent map, nothing has an address: $name', async ({ make }) => {
  const { fd } = fileIn(make(), MIB);
  writeSync(fd, randomBytes(64 * KIB));
  const { extents } = await allExtents(fd, MIB);
  expect(extents).toEqual([{ start: 0n, end: BigInt(64 * KIB), address: undefined, isShared: false }]);
});

test('a closed file is an error', async () => {
  const unused = 2 ** 30;
  await expect(extentsOf(unused, { start: 0n, end: 1n })).rejects.toMatchObject({ code: 'EBADF' });
});

describe.skipIf(!isHostRoot)('addresses of two files can be compared', () => {
  test('on one XFS or btrfs, in any subvolume', async () => {
    const xfs = mountedImage({ mkfs: ['mkfs.xfs', '-q'] });
    const [one, other] = [fileIn(xfs, 1), fileIn(xfs, 1, 'other')];
    expect(await addressSpaceOf(one.fd)).toBe(await addressSpaceOf(other.fd));
    const mountPoint = btrfs();
    await createSubvolume(opened(mountPoint, 'r'), 'subvolume');
    const [outside, inside] = [fileIn(mountPoint, 1), fileIn(join(mountPoint, 'subvolume'), 1)];
    expect(await addressSpaceOf(outside.fd)).toBe(await addressSpaceOf(inside.fd));
    expect(await addressSpaceOf(outside.fd)).toMatch(/^btrfs [0-9a-f-]{36}$/);
  });

  test('but not on two, or anywhere else', async () => {
    const spaces = [];
    for (const { make } of named('XFS', 'btrfs', 'ext4', 'tmpfs')) {
      spaces.push(await addressSpaceOf(fileIn(make(), 1).fd));
    }
    for (const { make } of named('XFS', 'btrfs')) spaces.push(await addressSpaceOf(fileIn(make(), 1).fd));
    const known = spaces.filter((space) => space !== undefined);
    expect(known).toHaveLength(4);
    expect(new Set(known).size).toBe(4);
  });
});
