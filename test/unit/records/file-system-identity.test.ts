import { expect, test } from 'vitest';
import { fileSystemIdentity } from '../../../src/pools/directory/file-system-identity.ts';

test.each([
  ['ext4', 0xef53, 'ef53:00112233aabbccdd'],
  ['btrfs', 0x9123683e, '9123683e:00112233aabbccdd'],
  ['btrfs, its number read as a signed one', 0x9123683e | 0, '9123683e:00112233aabbccdd'],
  ['XFS, whose id follows the order of disks', 0x58465342, '58465342'],
])('%s is identified by %s', (_, magic, identity) => {
  expect(fileSystemIdentity({ magic, id: '00112233aabbccdd' })).toBe(identity);
});

test('two file systems of one kind have different identities', () => {
  const ofId = (id: string) => fileSystemIdentity({ magic: 0xef53, id });
  expect(ofId('0000000000000001')).not.toBe(ofId('0000000000000002'));
});
