import { expect, test } from 'vitest';
import { parseCapabilityFlags } from '../../../src/model/requests/file-system-options.ts';
import { parseMountFlags } from '../../../src/model/requests/mount-flags.ts';

const parse = (...flags: string[]) => parseCapabilityFlags('mount_flags', flags);

test('flags of the mount, of any file system and of one kind of it are distinguished', () => {
  expect(parse('ro', 'lazytime', 'discard', 'commit=30', 'noexec', 'sync')).toEqual({
    mountFlags: parseMountFlags('mount_flags', ['ro', 'noexec']),
    superblockOptions: ['lazytime', 'sync'],
    fileSystemOptions: ['discard', 'commit=30'],
  });
});

test('an unknown flag belongs to no kind', () => {
  const mountFlags = parseMountFlags('mount_flags', []);
  expect(parse()).toEqual({ mountFlags, superblockOptions: [], fileSystemOptions: [] });
});

test.each([
  'nodiscard',
  'discard=async',
  'data=ordered',
  'errors=remount-ro',
  'allocsize=64k',
  'compress=zstd:3',
])('the option %s is accepted', (option) => {
  expect(parse(option).fileSystemOptions).toEqual([option]);
});

test('an unknown flag is refused with the list of flags of each kind of volume, as far as a reply has room', () => {
  const message = expect.stringMatching(
    /supported by every volume: .*\bro\b.*; by an image with ext4: .*commit=SECONDS.*; by an image with xfs: .*inode64.*; by an image with btrfs: .*autodefrag/,
  );
  expect(() => parse('bogus')).toThrow(expect.objectContaining({ message }));
  expect(() => parse('bogus')).toThrow(
    expect.toSatisfy((error: Error) => Buffer.byteLength(error.message) < 1000),
  );
});

test.each([
  'bogus',
  'journal_path=/dev/sda',
  'logdev=/dev/sda',
  'device=/dev/sda',
  'subvol=/',
  'norecovery',
  'errors=panic',
  'discard,journal_dev=1',
  'commit=30\n',
  'xdiscard',
  'discard ',
])('an option that names another device, weakens the driver or is unknown is invalid: %j', (flag) => {
  expect(() => parse('ro', flag)).toThrow(
    expect.objectContaining({
      kind: 'invalid',
      message: expect.stringContaining(`mount_flags: ${JSON.stringify(flag)}`),
    }),
  );
});
