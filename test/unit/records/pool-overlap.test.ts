import { mkdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { PoolConfigError } from '../../../src/pools/directory/pool-errors.ts';
import { writeMarker } from '../../../src/pools/directory/pool-marker.ts';
import { checkDistinct } from '../../../src/pools/directory/pool-overlap.ts';
import { poolLayout } from '../../../src/records/pool-layout.ts';
import { temporaryDirectory } from '../temporary-directory.ts';

/** The paths `a`, `b` … in a new directory, as pools of these names. */
function places(directory: string, paths: Readonly<Record<string, string>>) {
  return Object.entries(paths).map(([name, path]) => ({ name, path: join(directory, path) }));
}

async function expectMistake(pools: ReturnType<typeof places>, text: string): Promise<void> {
  for (const order of [pools, [...pools].reverse()]) {
    const error = await checkDistinct(order).then(
      () => undefined,
      (thrown: unknown) => thrown,
    );
    expect(error).toBeInstanceOf(PoolConfigError);
    expect(String(error)).toContain(text);
  }
}

test('neighbouring pools are fine, whether they exist or not', async () => {
  const directory = temporaryDirectory();
  mkdirSync(join(directory, 'data'));
  await checkDistinct(places(directory, { a: 'data', b: 'data-1', c: 'x/data', d: 'x/y' }));
});

test('nested pools are an error, even before they exist', async () => {
  const directory = temporaryDirectory();
  const pools = places(directory, { a: 'x', b: 'x/y/z' });
  await expectMistake(pools, 'is inside pool "a"');
  mkdirSync(join(directory, 'x', 'y'), { recursive: true });
  await expectMistake(pools, 'is inside pool "a"');
});

test('two at one path are an error', async () => {
  const directory = temporaryDirectory();
  await expectMistake(places(directory, { a: 'x', b: 'x' }), 'the same directory');
});

test('a symbolic link into another pool is an error, at any place in the path', async () => {
  const directory = temporaryDirectory();
  mkdirSync(join(directory, 'x', 'volumes'), { recursive: true });
  symlinkSync(join(directory, 'x'), join(directory, 'link'));
  await expectMistake(places(directory, { a: 'x', b: 'link' }), 'the same directory');
  await expectMistake(places(directory, { a: 'x', b: 'link/volumes' }), 'is inside pool "a"');
  await expectMistake(places(directory, { a: 'x', b: 'link/not/yet' }), 'is inside pool "a"');
});

test('a copy of another pool is an error', async () => {
  const directory = temporaryDirectory();
  const pools = places(directory, { a: 'x', b: 'y' });
  for (const { path } of pools) {
    const { metadata, marker } = poolLayout(path);
    mkdirSync(metadata, { recursive: true });
    await writeMarker(marker, { poolId: '0123abcd', fileSystem: 'ef53:1' });
  }
  await expectMistake(pools, 'are both marked as pool 0123abcd');
  rmSync(poolLayout(join(directory, 'y')).marker);
  await checkDistinct(pools);
});

test('errors of opening a pool are not reported here: a damaged marker, a file in the path', async () => {
  const directory = temporaryDirectory();
  const pools = places(directory, { a: 'x', b: 'file', c: 'file/below' });
  const { metadata, marker } = poolLayout(join(directory, 'x'));
  mkdirSync(metadata, { recursive: true });
  writeFileSync(marker, '{');
  writeFileSync(join(directory, 'file'), '');
  await checkDistinct(pools.slice(0, 2));
  await checkDistinct([...pools.slice(0, 1), ...pools.slice(2)]);
});
