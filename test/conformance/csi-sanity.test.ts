import { describe, test } from 'vitest';
import { btrfs } from '../support/btrfs.ts';
import { isHostRoot } from '../support/host-root.ts';
import { expectSane, type SanityKind } from '../support/sanity.ts';

const GIB = 1024 ** 3;

const kinds: readonly (SanityKind & { readonly name: string })[] = [
  { name: 'directory', accessType: 'mount', parameters: {} },
  {
    name: 'btrfs',
    accessType: 'mount',
    parameters: { pool: 'other' },
    makePool: () => btrfs('qgroup', 16 * GIB),
  },
  { name: 'image', accessType: 'mount', parameters: { backend: 'image' } },
  { name: 'image', accessType: 'block', parameters: { backend: 'image' } },
];

describe.each(kinds)('$name volumes, accessed as $accessType', (kind) => {
  test.skipIf(kind.name !== 'directory' && !isHostRoot)(
    'passes every csi-sanity test with all features on',
    () => expectSane(kind),
  );
});
