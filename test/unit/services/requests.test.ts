import { expect, test } from 'vitest';
import type { VolumeCapability__Output } from '../../../src/rpc/generated/csi/v1/VolumeCapability.ts';
import { parseCapability } from '../../../src/services/requests.ts';

// A message from the wire never looks like these, but its type allows it.
test.each([
  ['c.access_mode.mode: "constructor"', { mount: {}, access_mode: { mode: 'constructor' } }],
  ['c.mount is required', { mount: null, access_mode: { mode: 'SINGLE_NODE_WRITER' } }],
])('a capability that only the type allows is refused: %s', (message, changes) => {
  const capability = { access_type: 'mount', ...changes } as unknown as VolumeCapability__Output;
  expect(() => parseCapability('c', capability)).toThrow(
    expect.objectContaining({ kind: 'invalid', message: expect.stringContaining(message) }),
  );
});
