import fc from 'fast-check';
import { expect, test } from 'vitest';
import { linesWith, parseMountinfo } from '../../../src/kernel/mounts/mountinfo.ts';

const writable = { isReadOnly: false, isFileSystemReadOnly: false };

test('each line has id, file system, root, path, type and source, with any optional fields', () => {
  const text = [
    '36 35 98:0 /mnt1 /mnt2 rw,noatime master:1 - ext3 /dev/root rw,errors=continue',
    '37 35 0:5 / /proc rw shared:2 master:1 propagate_from:3 - proc proc rw',
    '38 35 0:6 / /none rw - tmpfs none rw',
    '',
  ].join('\n');
  expect(parseMountinfo(text)).toEqual([
    {
      mountId: 36,
      fileSystem: '98:0',
      root: '/mnt1',
      path: '/mnt2',
      fsType: 'ext3',
      source: '/dev/root',
      ...writable,
    },
    { mountId: 37, fileSystem: '0:5', root: '/', path: '/proc', fsType: 'proc', source: 'proc', ...writable },
    {
      mountId: 38,
      fileSystem: '0:6',
      root: '/',
      path: '/none',
      fsType: 'tmpfs',
      source: 'none',
      ...writable,
    },
  ]);
});

test('a removed root and an empty source are reported as they are', () => {
  const [entry] = parseMountinfo('36 35 98:0 /data//deleted /mnt rw - tmpfs  rw');
  expect(entry).toMatchObject({ root: '/data//deleted', path: '/mnt', source: '' });
});

test.each([
  ['rw,noatime', 'rw,errors=remount-ro', false, false],
  ['ro,noatime', 'rw', true, false],
  ['rw', 'ro,errors=remount-ro', false, true],
  ['rw', 'rw,emergency_ro', false, true],
  ['rw', 'rw,shutdown', false, true],
  ['ro', 'ro', true, true],
  ['rw,errors', 'rw,norecovery,zero', false, false],
])(
  'a mount with %s of a file system with %s is read-only: %s, and its file system: %s',
  (mount, fileSystem, isReadOnly, isFileSystemReadOnly) => {
    const [entry] = parseMountinfo(`36 35 98:0 / /mnt ${mount} shared:1 - ext4 /dev/sda ${fileSystem}`);
    expect(entry).toMatchObject({ isReadOnly, isFileSystemReadOnly });
  },
);

test('any path is reported unchanged', () => {
  const escaped = (path: string) =>
    path.replace(/[ \t\n\\#]/g, (each) => `\\${each.charCodeAt(0).toString(8).padStart(3, '0')}`);
  const character = fc.oneof(
    fc.constantFrom(' ', '\t', '\n', '\\', '#', '-', '0', '4'),
    fc.string({ unit: 'binary', minLength: 1, maxLength: 1 }),
  );
  fc.assert(
    fc.property(fc.string({ unit: character }), (name) => {
      const path = `/${name}`;
      const line = `36 35 98:0 ${escaped(path)} ${escaped(path)} rw - ext4 /dev/sda rw`;
      expect(parseMountinfo(line)).toMatchObject([{ root: path, path }]);
    }),
  );
});

test.each(['', 'nonsense', '36 35 98:0 / /mnt rw ext4 /dev/sda rw', '36 35'])(
  'an unparsable line is left out: %j',
  (line) => {
    const whole = '38 35 0:6 / /none rw - tmpfs none rw';
    expect(parseMountinfo(`${line}\n${whole}`).map(({ mountId }) => mountId)).toEqual([38]);
  },
);

test.each([
  ['none', 'zebra', ''],
  ['the first', 'one', 'line one'],
  ['one in the middle, once for two occurrences', 'two', 'line two two'],
  ['the last, without a line break at its end', 'three', 'line three'],
  ['all', 'line', 'line one\nline two two\nline three'],
])('lines with a string: %s', (_, part, found) => {
  expect(linesWith(part, 'line one\nline two two\nline three')).toBe(found);
});
