import { expect, test } from 'vitest';
import type { AccessMode } from '../../../src/model/requests/access-mode.ts';
import { type MountCapability, requiredMountFlags } from '../../../src/model/requests/capability.ts';
import { noMountFlags } from '../../../src/model/requests/mount-flags.ts';
import { capability } from './fakes/requests.ts';

const mount = (
  accessMode: AccessMode = 'SINGLE_NODE_WRITER',
  changes: Partial<MountCapability> = {},
): MountCapability => ({ ...capability(accessMode), ...changes });

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
