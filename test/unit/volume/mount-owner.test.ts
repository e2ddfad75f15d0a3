import { describe, expect, test, vi } from 'vitest';
import { checkOwner, volumeOfRoot } from '../../../src/volume/mount-owner.ts';
import { VolumeIndex } from '../../../src/volume/volume-index.ts';
import { exampleVolume, fakeNode } from './fakes/model.ts';

const volumes = new VolumeIndex();
volumes.add(exampleVolume({ id: 'v' }), 'dir-v');
const ownerOf = (root: string) => volumeOfRoot({ volumes }, root);

test.each([
  ['/volumes/dir-v/data', true],
  ['/a/pool/volumes/dir-v/data', true],
  ['/pool/volumes/dir-v/data/sub/path', false],
  ['/pool/volumes/dir-v/data//deleted', false],
  ['/pool/volumes/dir-v/data/volumes/other/data', false],
])('%s is of the volume; the whole of it: %s', (root, isWhole) => {
  expect(ownerOf(root)).toEqual({ volumeId: 'v', isWhole });
});

test.each([
  '/',
  '/pool/volumes/dir-v',
  '/pool/volumes/dir-v/database',
  '/pool/volumes/v/data',
  '/xvolumes/dir-v/data',
])('%s is of no volume', (root) => {
  expect(ownerOf(root)).toBeUndefined();
});

test.each([
  ['/volumes/ssd/data/volumes/dir-v/data', true],
  ['/volumes/ssd/data/pool/volumes/dir-v/data/sub', false],
])('a pool may itself lie in a directory of such a name: %s', (root, isWhole) => {
  expect(ownerOf(root)).toEqual({ volumeId: 'v', isWhole });
});

describe('checkOwner', () => {
  /** A mount that tells nothing by its root. */
  async function mountedNode() {
    const node = fakeNode();
    const mountId = node.mounts.mountForeign(node.makeDirectory('/mnt'));
    const list = vi.spyOn(node.mounts, 'list');
    const check = async (volumeId: string) => {
      const state = await node.mounts.inspect('/mnt');
      if (state.kind !== 'mounted') throw new Error(state.kind);
      return checkOwner(node.model, 'target_path', volumeId, '/mnt', state);
    };
    const know = (id = mountId) =>
      node.model.mountIndex.add({ volumeId: 'v', path: '/mnt', mountId: id, use: { kind: 'staging' } });
    return { mountId, list, check, know };
  }

  test('a mount of ours is told by what is remembered, without reading every mount there is', async () => {
    const { list, check, know } = await mountedNode();
    know();
    await check('v');
    await expect(check('other')).rejects.toMatchObject({
      kind: 'precondition',
      message: 'target_path: "/mnt" is the mount point of volume "v", not of "other"',
    });
    expect(list).not.toHaveBeenCalled();
  });

  test('what is remembered counts for nothing once another mount is there', async () => {
    const { mountId, check, know } = await mountedNode();
    know(mountId + 1);
    await check('other');
  });

  test('a mount that nobody can tell is left to whoever asks', async () => {
    const { check } = await mountedNode();
    await check('anybody');
  });
});
