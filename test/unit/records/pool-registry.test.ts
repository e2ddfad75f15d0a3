import { existsSync, mkdirSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { expect, test } from 'vitest';
import { readRegistry } from '../../../src/pools/directory/pool-marker.ts';
import { PoolRegistry } from '../../../src/pools/directory/pool-registry.ts';
import { temporaryDirectory } from '../temporary-directory.ts';

const remembered = (name: string, poolId: string) => ({
  name,
  path: `/${name}`,
  poolId,
  fileSystem: 'ef53:1',
});
const fast = remembered('fast', '0123abcd');
const slow = remembered('slow', '4567abcd');

function newRegistry(): PoolRegistry {
  const registry = new PoolRegistry(temporaryDirectory());
  mkdirSync(dirname(registry.path));
  return registry;
}

test('a registry in a missing directory is empty, and creates nothing', async () => {
  const registry = new PoolRegistry(join(temporaryDirectory(), 'none'));
  expect(await registry.find('fast')).toBeUndefined();
  expect(existsSync(dirname(dirname(registry.path)))).toBe(false);
});

test('recorded pools are found by this driver and by the next', async () => {
  const registry = newRegistry();
  await registry.remember(fast);
  expect(await registry.find('fast')).toEqual(fast);
  expect(await new PoolRegistry(dirname(dirname(registry.path))).find('fast')).toEqual(fast);
});

test('a pool is also found by its path, after its name', async () => {
  const registry = newRegistry();
  await registry.remember(fast);
  await registry.remember(slow);
  expect(await registry.findAt({ name: 'renamed', path: '/slow' })).toEqual(slow);
  expect(await registry.findAt({ name: 'fast', path: '/slow' })).toEqual(fast);
  expect(await registry.findAt({ name: 'new', path: '/new' })).toBeUndefined();
});

test('pools recorded at the same time are all recorded', async () => {
  const registry = newRegistry();
  const pools = Array.from({ length: 10 }, (_, index) => remembered(`p${index}`, `0000000${index}`));
  await Promise.all(pools.map((pool) => registry.remember(pool)));
  expect(await readRegistry(registry.path)).toEqual(pools);
});

test('a pool with a new name, path or file system is recorded once, in its new form', async () => {
  const registry = newRegistry();
  await registry.remember(fast);
  await registry.remember({ ...fast, path: '/elsewhere' });
  await registry.remember({ ...fast, name: 'quick' });
  expect(await readRegistry(registry.path)).toEqual([{ ...fast, name: 'quick' }]);
});

test('an unchanged pool is not written again', async () => {
  const registry = newRegistry();
  await registry.remember(fast);
  const { ino } = statSync(registry.path);
  await registry.remember({ ...fast });
  expect(statSync(registry.path).ino).toBe(ino);
});

test('the file is read once, so that a lost state directory does not make every pool new', async () => {
  const registry = newRegistry();
  await registry.remember(fast);
  rmSync(registry.path);
  expect(await registry.find('fast')).toEqual(fast);
});

test('entries of another driver are seen when the file is read again', async () => {
  const [mine, others] = [newRegistry(), newRegistry()];
  expect(await mine.find('slow')).toBeUndefined();
  await others.remember(slow);
  renameSync(others.path, mine.path);
  await mine.read();
  await mine.remember(fast);
  expect(await readRegistry(mine.path)).toEqual([slow, fast]);
});

test('a failed write is reported, changes nothing, and does not stop the next', async () => {
  const registry = newRegistry();
  mkdirSync(`${registry.path}.new`);
  await expect(registry.remember(fast)).rejects.toMatchObject({ code: 'EISDIR' });
  expect(await registry.find('fast')).toBeUndefined();
  rmSync(`${registry.path}.new`, { recursive: true });
  await registry.remember(slow);
  expect(await readRegistry(registry.path)).toEqual([slow]);
});

test('a damaged file is never overwritten', async () => {
  const registry = newRegistry();
  writeFileSync(registry.path, '{');
  await expect(registry.find('fast')).rejects.toThrow(`cannot parse ${registry.path}`);
  await expect(registry.remember(fast)).rejects.toThrow(`cannot parse ${registry.path}`);
  expect(readFileSync(registry.path, 'utf8')).toBe('{');
});
