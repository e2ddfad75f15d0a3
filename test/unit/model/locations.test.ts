import { beforeEach, describe, expect, test, vi } from 'vitest';
import { noMountFlags } from '../../../src/model/requests/mount-flags.ts';
import { Locations } from '../../../src/model/state/locations.ts';
import { FakeMounts } from './fakes/fake-mounts.ts';

let mounts: FakeMounts;
let locations: Locations;

beforeEach(async () => {
  mounts = new FakeMounts();
  for (const path of ['/disk/pool/volumes/v/data', '/alias', '/inner', '/other'])
    mounts.tree.makeDirectory(path);
  locations = new Locations(mounts, mounts);
  await locations.registerPool({ name: 'default', path: '/disk/pool' });
});

async function bind(source: string, target: string): Promise<void> {
  const state = await mounts.inspect(source);
  if (state.kind !== 'directory') throw new Error(state.kind);
  await mounts.bind(source, target, noMountFlags, state.identity);
}

async function namesAt(path: string): Promise<string[] | undefined> {
  const location = await locations.locate(path);
  return location && locations.namesInPool(location);
}

describe('a path in a pool is recognised', () => {
  test('where the pool is', async () => {
    expect(await namesAt('/disk/pool')).toEqual([]);
    expect(await namesAt('/disk/pool/volumes/v')).toEqual(['volumes', 'v']);
  });

  test('where the pool, a directory in it or a parent of it is bound', async () => {
    await bind('/disk', '/alias');
    await bind('/disk/pool/volumes', '/inner');
    expect(await namesAt('/alias/pool/volumes')).toEqual(['volumes']);
    expect(await namesAt('/inner/v/data')).toEqual(['volumes', 'v', 'data']);
  });
});

test('a path outside, or on another disk, is in no pool', async () => {
  mounts.mountForeign('/other', '/disk/pool');
  for (const path of ['/', '/disk', '/alias', '/other', '/missing'])
    expect(await namesAt(path)).toBeUndefined();
});

test('the list of mounts is read once for each mount, and again when another replaces it', async () => {
  const list = vi.spyOn(mounts, 'list');
  await bind('/disk', '/alias');
  for (const path of ['/alias/pool', '/alias/pool/volumes', '/alias']) await locations.locate(path);
  expect(list).toHaveBeenCalledTimes(1);
  await mounts.unmount('/alias');
  await bind('/disk/pool', '/alias');
  expect(await namesAt('/alias/volumes')).toEqual(['volumes']);
  expect(list).toHaveBeenCalledTimes(2);
});
