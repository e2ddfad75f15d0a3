import { describe, expect, test, vi } from 'vitest';
import { type KnownMount, MountIndex } from '../../../src/model/state/mount-index.ts';
import { FakeMounts } from './fakes/fake-mounts.ts';
import { capability } from './fakes/requests.ts';

const since = new Date('2026-01-01');

const known = (path: string, mountId: number | undefined, volumeId = 'v'): KnownMount => ({
  volumeId,
  path,
  mountId,
  use: { kind: 'staging', capability: capability(), readOnly: false },
  since,
});

function indexWith(paths: string[]) {
  const mounts = new FakeMounts();
  const index = new MountIndex(mounts, mounts, () => since);
  const entries = paths.map((path) => {
    mounts.tree.makeDirectory(path);
    return known(path, mounts.mountForeign(path));
  });
  for (const entry of entries) index.add(entry);
  return { mounts, index, entries };
}

test('mounts are found by path and by volume', () => {
  const { index, entries } = indexWith(['/a', '/b']);
  expect(index.at('/a')).toEqual(entries[0]);
  expect(index.mountsOf('v')).toEqual(entries);
  expect(index.at('/c')).toBeUndefined();
  expect(index.mountsOf('other')).toEqual([]);
});

test('a path belongs to one volume, the last one added', () => {
  const { index } = indexWith(['/a']);
  index.add(known('/a', 7, 'other'));
  expect(index.mountsOf('v')).toEqual([]);
  expect(index.mountsOf('other')).toEqual([known('/a', 7, 'other')]);
});

test('the time of a mount is when it was made, not when a retry found it', () => {
  const mounts = new FakeMounts();
  const times = [new Date('2026-01-01'), new Date('2026-01-02')];
  const index = new MountIndex(mounts, mounts, () => times.shift() as Date);
  index.add(known('/a', undefined));
  index.add(known('/a', 7));
  index.add(known('/a', 7));
  expect(index.at('/a')?.since).toEqual(new Date('2026-01-02'));
});

test('a mount that was found has no time', () => {
  const mounts = new FakeMounts();
  const index = new MountIndex(mounts, mounts);
  index.add({ ...known('/a', 7), use: { kind: 'found' } });
  index.add(known('/a', 7));
  expect(index.at('/a')?.since).toBeUndefined();
});

test('a removed path is forgotten, and can be removed again', () => {
  const { index, entries } = indexWith(['/a', '/b']);
  index.removePath('/a');
  index.removePath('/a');
  expect(index.at('/a')).toBeUndefined();
  expect(index.mountsOf('v')).toEqual([entries[1]]);
});

describe('confirming mounts', () => {
  test('keeps existing mounts and forgets the others', async () => {
    const { mounts, index, entries } = indexWith(['/a', '/b']);
    await mounts.unmount('/a');
    expect(await index.verifiedMountsOf('v')).toEqual([entries[1]]);
    expect(index.at('/a')).toBeUndefined();
  });

  test('keeps a mount that another one hides', async () => {
    const { mounts, index, entries } = indexWith(['/a']);
    mounts.mountForeign('/a');
    expect(await index.verifiedMountsOf('v')).toEqual(entries);
  });

  test('forgets a mount that was replaced', async () => {
    const { mounts, index } = indexWith(['/a']);
    await mounts.unmount('/a');
    mounts.mountForeign('/a');
    expect(await index.verifiedMountsOf('v')).toEqual([]);
  });

  test('keeps a path that is only reserved', async () => {
    const { index } = indexWith([]);
    index.add(known('/a', undefined));
    expect(await index.verifiedMountsOf('v')).toEqual([known('/a', undefined)]);
  });

  test('forgets a mount whose path can no longer be walked', async () => {
    const { mounts, index } = indexWith(['/a/b']);
    await mounts.unmount('/a/b');
    mounts.tree.remove('/a');
    mounts.tree.makeFile('/a', '');
    expect(await index.verifiedMountsOf('v')).toEqual([]);
  });

  test('leaves an entry that was replaced during the check', async () => {
    const { mounts, index } = indexWith(['/a']);
    await mounts.unmount('/a');
    vi.spyOn(mounts, 'inspect').mockImplementationOnce(async () => {
      index.add(known('/a', undefined));
      return { kind: 'directory', identity: { inode: 1n, device: '8:1' }, mountId: 1, flags: {} as never };
    });
    expect(await index.verifiedMountsOf('v')).toEqual([known('/a', undefined)]);
  });

  test('reads the whole list only if something else is on top', async () => {
    const { mounts, index } = indexWith(['/a', '/b']);
    const list = vi.spyOn(mounts, 'list');
    await index.verifiedMountsOf('v');
    expect(list).not.toHaveBeenCalled();
  });
});
