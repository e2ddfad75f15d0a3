import { describe, expect, test } from 'vitest';
import type { FileSystemType } from '../../../src/model/requests/file-system-options.ts';
import { mkfsArguments, parseMkfsOptions } from '../../../src/model/requests/mkfs-options.ts';

function parsed(fsType: FileSystemType, text: string): string[] | string {
  const settings = parseMkfsOptions(fsType, text);
  return typeof settings === 'string' ? settings : mkfsArguments(settings);
}

describe('options of mkfs', () => {
  test.each<[FileSystemType, string, string[]]>([
    ['ext4', '-m 0.5 -i 8192 -L data', ['-m', '0.5', '-i', '8192', '-L', 'data']],
    ['ext4', '-O ^dir_index,large_dir -J size=64', ['-O', '^dir_index,large_dir', '-J', 'size=64']],
    ['xfs', '-m rmapbt=1 -i size=1024,maxpct=50', ['-m', 'rmapbt=1', '-i', 'size=1024,maxpct=50']],
    ['xfs', '-m rmapbt=1 -m reflink=0', ['-m', 'rmapbt=1,reflink=0']],
    ['btrfs', '-n 16384 -m dup', ['-n', '16384', '-m', 'dup']],
  ])('for %s, %s is accepted', (fsType, text, expected) => {
    expect(parsed(fsType, text)).toEqual(expected);
  });

  test.each<[FileSystemType, string, string]>([
    ['ext4', '-m 51', '-m 51'],
    ['ext4', '-m -1', '-m -1'],
    ['ext4', '-b 512', '-b 512'],
    ['ext4', '-b', '-b'],
    ['ext4', '-E nodiscard', '-E nodiscard'],
    ['ext4', '-O ^has_journal', '-O ^has_journal'],
    ['ext4', '-O large_dir=1', '-O large_dir=1'],
    ['ext4', '-J device=/dev/sda', '-J device=/dev/sda'],
    ['ext4', '-L -F', '-L -F'],
    ['ext4', '-L seventeen-letters', '-L seventeen-letters'],
    ['ext4', '/etc/passwd', '/etc/passwd'],
    ['ext4', '-m 1 /dev/sda', '/dev/sda'],
    ['xfs', '-m crc=0', '-m crc=0'],
    ['xfs', '-m ^reflink=1', '-m ^reflink=1'],
    ['xfs', '-d file=1,name=/etc/passwd', '-d file=1'],
    ['xfs', '-i 8192', '-i 8192'],
    ['btrfs', '-m raid1', '-m raid1'],
    ['btrfs', '--rootdir /etc', '--rootdir /etc'],
  ])('for %s, %s is refused, and the possible ones are named', (fsType, text, named) => {
    expect(parsed(fsType, text)).toContain(`has "${named}", which is not an option for ${fsType}; possible`);
  });

  test.each<[FileSystemType, string]>([
    ['ext4', '-m 1 -m 2'],
    ['ext4', '-O large_dir,^large_dir'],
    ['xfs', '-i size=512,size=1024'],
  ])('for %s, the same twice is refused: %s', (fsType, text) => {
    expect(parsed(fsType, text)).toContain('after another value for the same');
  });
});
