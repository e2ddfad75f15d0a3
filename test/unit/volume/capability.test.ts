import { expect, test } from 'vitest';
import type { AccessMode } from '../../../src/volume/access-mode.ts';
import {
  asMountCapability,
  contradiction,
  type MountCapability,
  requiredMountFlags,
  unsupported,
  type VolumeCapability,
} from '../../../src/volume/capability.ts';
import { noMountFlags } from '../../../src/volume/mount-flags.ts';

const mount = (
  accessMode: AccessMode = 'SINGLE_NODE_WRITER',
  changes: Partial<MountCapability> = {},
): MountCapability => ({
  accessType: 'mount',
  accessMode,
  fsType: '',
  mountFlags: noMountFlags,
  ...changes,
});
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
  ['several access modes', [mount('SINGLE_NODE_WRITER'), mount('MULTI_NODE_READER_ONLY')]],
  ['a single writer told twice', [mount('SINGLE_NODE_SINGLE_WRITER'), mount('SINGLE_NODE_SINGLE_WRITER')]],
])('no contradiction: %s', (_, capabilities) => {
  expect(contradiction(capabilities)).toBeUndefined();
});

test.each<[string, VolumeCapability[]]>([
  ['block and mount', [mount(), block]],
  ['SINGLE_NODE_SINGLE_WRITER', [mount('SINGLE_NODE_SINGLE_WRITER'), mount('SINGLE_NODE_MULTI_WRITER')]],
])('a contradiction is told: %s', (what, capabilities) => {
  expect(contradiction(capabilities)).toContain(what);
});

test('directories serve mounts of any file system type, and no block volumes', () => {
  expect(unsupported(mount('SINGLE_NODE_WRITER', { fsType: 'ext4' }))).toBeUndefined();
  expect(unsupported(block)).toContain('block');
});

test('a block capability on a volume that exists as a mount volume is a precondition', () => {
  expect(asMountCapability(mount())).toEqual(mount());
  expect(() => asMountCapability(block)).toThrow(expect.objectContaining({ kind: 'precondition' }));
});
