import { expect, test } from 'vitest';
import { parseCapabilityFlags } from '../../../src/model/requests/file-system-options.ts';
import { parseMountFlags } from '../../../src/model/requests/mount-flags.ts';

const parse = (...flags: string[]) => parseCapabilityFlags('mount_flags', flags);

test('flags of the mount, of any file system and of one kind of it are told apart', () => {
  expect(parse('ro', 'lazytime', 'discard', 'commit=30', 'noexec', 'sync')).toEqual({
    mountFlags: parseMountFlags('mount_flags', ['ro', 'noexec']),
    superblockOptions: ['lazytime', 'sync'],
    fileSystemOptions: ['discard', 'commit=30'],
  });
});

test('no flag is none of any kind', () => {
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
])('the option %s is taken', (option) => {
  expect(parse(option).fileSystemOptions).toEqual([option]);
});

test('an unknown flag is answered with the flags of each kind of volume, in what a reply has room for', () => {
  const message = expect.stringMatching(
    /known flags of every volume: .*\bro\b.*; of an image with ext4: .*commit=SECONDS.*; of an image with xfs: .*inode64.*; of an image with btrfs: .*autodefrag/,
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
])('what names another device, weakens the driver or is not known is invalid: %j', (flag) => {
  expect(() => parse('ro', flag)).toThrow(
    expect.objectContaining({
      kind: 'invalid',
      message: expect.stringContaining(`mount_flags: ${JSON.stringify(flag)}`),
    }),
  );
});
