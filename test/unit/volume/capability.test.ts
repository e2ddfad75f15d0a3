import { expect, test } from 'vitest';
import type { AccessMode } from '../../../src/volume/access-mode.ts';
import {
  checkSuitable,
  contradiction,
  type MountCapability,
  requiredMountFlags,
  unsuitable,
  type VolumeCapability,
} from '../../../src/volume/capability.ts';
import { noMountFlags } from '../../../src/volume/mount-flags.ts';
import type { VolumeContent } from '../../../src/volume/volume.ts';
import { exampleVolume } from './fakes/model.ts';
import { blockContent, capability, imageContent } from './fakes/requests.ts';

const mount = (
  accessMode: AccessMode = 'SINGLE_NODE_WRITER',
  changes: Partial<MountCapability> = {},
): MountCapability => ({ ...capability(accessMode), ...changes });
const xfs = mount('SINGLE_NODE_WRITER', { fsType: 'xfs' });
const block: VolumeCapability = { accessType: 'block', accessMode: 'SINGLE_NODE_WRITER' };

test.each([
  ['nothing asks for it', mount(), false, false],
  ['the request does', mount(), true, true],
  [
    'a mount flag does',
    mount('SINGLE_NODE_WRITER', { mountFlags: { ...noMountFlags, readOnly: true } }),
    false,
    true,
  ],
  ['one node may only read', mount('SINGLE_NODE_READER_ONLY'), false, true],
  ['all nodes may only read', mount('MULTI_NODE_READER_ONLY'), false, true],
])('whether a mount is read-only where %s', (_, capability, requested, readOnly) => {
  expect(requiredMountFlags(capability, requested)).toEqual({ ...capability.mountFlags, readOnly });
});

test.each<[string, VolumeCapability[]]>([
  ['one capability', [mount()]],
  ['one file system, told once', [xfs, mount()]],
  ['several access modes', [mount('SINGLE_NODE_WRITER'), mount('MULTI_NODE_READER_ONLY')]],
  ['a single writer told twice', [mount('SINGLE_NODE_SINGLE_WRITER'), mount('SINGLE_NODE_SINGLE_WRITER')]],
])('no contradiction: %s', (_, capabilities) => {
  expect(contradiction(capabilities)).toBeUndefined();
});

test.each<[string, VolumeCapability[]]>([
  ['block and mount', [mount(), block]],
  ['a volume has one file system, not xfs and ext4', [xfs, mount(undefined, { fsType: 'ext4' })]],
  ['SINGLE_NODE_SINGLE_WRITER', [mount('SINGLE_NODE_SINGLE_WRITER'), mount('SINGLE_NODE_MULTI_WRITER')]],
])('a contradiction is told: %s', (what, capabilities) => {
  expect(contradiction(capabilities)).toContain(what);
});

const directory: VolumeContent = { backend: 'directory' };

test.each<[string, VolumeContent, VolumeCapability]>([
  ['a directory is mounted', directory, mount()],
  ['a directory has the file system of its pool, whatever is asked for', directory, xfs],
  ['a directory may name flags without effect', directory, mount(undefined, { superblockOptions: ['sync'] })],
  ['a block volume is a block device', blockContent, block],
  ['an image is mounted', imageContent('xfs'), mount()],
  ['an image has the file system it was made for', imageContent('xfs'), xfs],
  ['the first stage decides what was left open', imageContent(), xfs],
  ['an image has options', imageContent(), mount(undefined, { fileSystemOptions: ['discard'] })],
])('suitable: %s', (_, content, asked) => {
  const volume = exampleVolume({ content });
  expect(unsuitable(volume, asked)).toBeUndefined();
  expect(() => checkSuitable(volume, asked)).not.toThrow();
});

test.each<[string, VolumeContent, VolumeCapability]>([
  ['the volume is a mount volume', directory, block],
  ['the volume is a mount volume', imageContent(), block],
  ['the volume is a block device', blockContent, mount()],
  ['the volume was made for fs_type ext4, not xfs', imageContent('ext4'), xfs],
  [
    'the mount flag discard belongs to a whole file system',
    { backend: 'quota', projectId: 7 },
    mount(undefined, { fileSystemOptions: ['discard'] }),
  ],
])('a precondition: %s', (message, content, asked) => {
  const volume = exampleVolume({ content });
  expect(unsuitable(volume, asked)).toContain(message);
  expect(() => checkSuitable(volume, asked)).toThrow(
    expect.objectContaining({
      kind: 'precondition',
      message: expect.stringContaining(`volume_capability: ${message}`),
    }),
  );
});
