import { expect, test } from 'vitest';
import type { DirectoryAbility } from '../../../src/model/ports/pool.ts';
import {
  type ContentPlan,
  type ContentWish,
  chooseContent,
  isPlannedEnforced,
  parseFileSystemType,
} from '../../../src/model/volumes/choose-content.ts';
import { newSizes } from '../../../src/model/volumes/content-sizes.ts';
import { type FakeModelSettings, fakeNode } from './fakes/model.ts';
import { blockContent, contentWish, imageContent } from './fakes/requests.ts';

const plain: DirectoryAbility = { backend: 'directory' };
const quota: DirectoryAbility = { backend: 'quota' };
const unlimited: DirectoryAbility = { backend: 'subvolume', isLimited: false };
const limited: DirectoryAbility = { backend: 'subvolume', isLimited: true };

function choose(wish: Partial<ContentWish>, settings: FakeModelSettings = {}) {
  const { model, pool } = fakeNode(settings);
  return chooseContent(model, pool, contentWish(wish));
}

test.each<[Partial<ContentWish>, DirectoryAbility, ContentPlan]>([
  [{}, plain, plain],
  [{}, quota, quota],
  [{}, limited, limited],
  [{ fsType: 'xfs' }, plain, plain],
  [{ backend: 'directory' }, unlimited, unlimited],
  [{ backend: 'image' }, quota, imageContent()],
  [{ backend: 'image', fsType: 'xfs' }, quota, imageContent('xfs')],
  [{ enforceCapacity: 'required' }, quota, quota],
  [{ enforceCapacity: 'required' }, limited, limited],
  [{ enforceCapacity: 'required' }, plain, imageContent()],
  [{ enforceCapacity: 'required' }, unlimited, imageContent()],
  [{ enforceCapacity: 'required', backend: 'directory' }, quota, quota],
  [{ enforceCapacity: 'strict' }, quota, imageContent()],
  [{ enforceCapacity: 'strict' }, limited, imageContent()],
  [{ enforceCapacity: 'strict', backend: 'image', fsType: 'xfs' }, plain, imageContent('xfs')],
  [{ enforceCapacity: 'strict', isBlock: true }, quota, blockContent],
  [{ isBlock: true }, quota, blockContent],
  [{ isBlock: true, backend: 'image' }, plain, blockContent],
])('%j where directories are %j is %j', (wish, directories, plan) => {
  expect(choose(wish, { directories })).toEqual(plan);
});

test.each<[string, Partial<ContentWish>, FakeModelSettings]>([
  ['"directory" cannot be a block volume', { isBlock: true, backend: 'directory' }, {}],
  ['"directory" cannot be held to its size', { enforceCapacity: 'required', backend: 'directory' }, {}],
  [
    '"directory" cannot be held to its size against the will of its user',
    { enforceCapacity: 'strict', backend: 'directory' },
    { directories: quota },
  ],
  ['pool "default" has no images', { enforceCapacity: 'strict' }, { hasImages: false, directories: quota }],
  ['pool "default" has no images', { backend: 'image' }, { hasImages: false }],
  ['pool "default" has no images', { isBlock: true }, { hasImages: false }],
  ['pool "default" has no images', { enforceCapacity: 'required' }, { hasImages: false }],
])('what a pool cannot do is invalid: %s', (message, wish, settings) => {
  expect(() => choose(wish, settings)).toThrow(
    expect.objectContaining({ kind: 'invalid', message: expect.stringContaining(message) }),
  );
});

test('a file system that cannot be made on this node is invalid, and those that can are told', () => {
  const { model, pool, formatter } = fakeNode();
  formatter.fileSystems = ['ext4', 'btrfs'];
  const wish = contentWish({ backend: 'image', fsType: 'xfs' });
  expect(() => chooseContent(model, pool, wish)).toThrow(
    expect.objectContaining({
      kind: 'invalid',
      message: expect.stringContaining('possible are ext4, btrfs'),
    }),
  );
});

test.each<[ContentPlan, bigint, boolean]>([
  [plain, 1n, false],
  [quota, 1n, true],
  [limited, 1n, true],
  [unlimited, 1n, false],
  [{ backend: 'image', use: { accessType: 'block' } }, 1n, true],
  [{ backend: 'image', use: { accessType: 'mount', fsType: undefined } }, 16n, true],
  [{ backend: 'image', use: { accessType: 'mount', fsType: 'xfs' } }, 300n, true],
])('%j has at least %s bytes, and is held to its size: %s', (plan, bytes, isEnforced) => {
  expect(newSizes(fakeNode().model, plan).minimumBytes).toBe(bytes);
  expect(isPlannedEnforced(plan)).toBe(isEnforced);
});

test('a file system is left open or known, or else invalid', () => {
  expect(parseFileSystemType('fs_type', '')).toBeUndefined();
  expect(parseFileSystemType('fs_type', 'btrfs')).toBe('btrfs');
  for (const text of ['ntfs', 'EXT4', 'constructor']) {
    expect(() => parseFileSystemType('fs_type', text)).toThrow(
      expect.objectContaining({ kind: 'invalid', message: expect.stringContaining('fs_type: ') }),
    );
  }
});
