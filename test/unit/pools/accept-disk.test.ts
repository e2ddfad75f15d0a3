import { mkdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { acceptWithoutDriver } from '../../../src/actions/repair/moved-pools.ts';
import { findMoved } from '../../../src/pools/directory/accept-disk.ts';
import { openStatePool } from '../../../src/pools/directory/open-pool.ts';
import { readRegistry, writeMarker, writeRegistry } from '../../../src/pools/directory/pool-marker.ts';
import { PoolRegistry } from '../../../src/pools/directory/pool-registry.ts';
import { poolLayout } from '../../../src/records/pool-layout.ts';
import { temporaryDirectory } from '../temporary-directory.ts';

/** A state directory that was used on a file system with this identity, by default on the one it is on. */
async function usedPool(fileSystem?: string) {
  const stateDir = join(temporaryDirectory(), 'state');
  const { id, lock } = await openStatePool('default', stateDir, 0);
  await lock.release();
  const layout = poolLayout(stateDir);
  const [entry] = await readRegistry(layout.registry);
  if (!entry) throw new Error('the pool is not remembered');
  if (fileSystem !== undefined) await writeRegistry(layout.registry, [{ ...entry, fileSystem }]);
  const find = (name = 'default', path = stateDir) => findMoved({ name, path }, new PoolRegistry(stateDir));
  return { stateDir, id, layout, entry, find };
}

test('a pool where it was is not moved, and one on another file system is', async () => {
  expect(await (await usedPool()).find()).toBeUndefined();
  const moved = await usedPool('old');
  expect(await moved.find()).toEqual({
    before: { ...moved.entry, fileSystem: 'old' },
    fileSystem: moved.entry.fileSystem,
  });
});

test('another pool, no pool, a damaged marker and an unknown name are refused', async () => {
  const { stateDir, id, layout, find } = await usedPool('old');
  await expect(find('fast')).rejects.toThrow('pool "fast" was never used with');
  const elsewhere = join(temporaryDirectory(), 'empty');
  mkdirSync(elsewhere);
  await expect(find('default', elsewhere)).rejects.toThrow(`not that of pool "default" (${id})`);
  await writeMarker(layout.marker, { poolId: '01234567', fileSystem: 'old' });
  await expect(find()).rejects.toThrow(
    `${stateDir} has the marker of another pool (01234567), not that of pool "default" (${id})`,
  );
  const text = readFileSync(layout.marker, 'utf8');
  rmSync(layout.marker);
  mkdirSync(layout.marker);
  await expect(find()).rejects.toMatchObject({ kind: 'precondition' });
  expect(text).toContain('01234567');
});

test('without a driver, a moved pool is accepted, but not in a dry run, nor while a driver has it', async () => {
  const { stateDir, layout, entry } = await usedPool('old');
  const accept = (isDryRun: boolean) => acceptWithoutDriver(stateDir, ['default'], { isDryRun });
  const [repair] = await accept(true);
  expect(repair).toMatchObject({ subject: 'pool default', repair: 'use it there from now on' });
  expect(await readRegistry(layout.registry)).toEqual([{ ...entry, fileSystem: 'old' }]);
  expect(await accept(false)).toEqual([repair]);
  expect(await readRegistry(layout.registry)).toEqual([entry]);
  expect(await accept(false)).toEqual([]);
  const { lock } = await openStatePool('default', stateDir, 0);
  await expect(accept(false)).rejects.toThrow('another driver has locked');
  await lock.release();
});
