import { expect, test } from 'vitest';
import { usesIn } from '../../../src/actions/adopt/users-of.ts';
import { parseMountinfo } from '../../../src/kernel/mounts/mountinfo.ts';

const line = (id: number, device: string, root: string, path: string) =>
  `${id} 1 ${device} ${root} ${path} rw - ext4 /dev/x rw`;

function uses(...lines: string[]): string[] {
  const mounts = parseMountinfo([line(1, '8:1', '/', '/'), ...lines].join('\n'));
  return usesIn({ isOwn: false, process: '7 (pod)', mounts }, { fileSystem: '8:1', path: '/srv/data' });
}

test.each([
  ['the directory itself', line(2, '8:1', '/srv/data', '/mnt'), 'it is mounted at /mnt'],
  ['a directory in it', line(2, '8:1', '/srv/data/inner', '/mnt'), 'it is mounted at /mnt'],
  ['a mount on it', line(2, '8:2', '/', '/srv/data'), 'it has a mount on it or in it, at /srv/data'],
  [
    'a mount in it',
    line(2, '0:5', '/', '/srv/data/inner'),
    'it has a mount on it or in it, at /srv/data/inner',
  ],
])('%s is a use of a directory', (_, mount, use) => {
  expect(uses(mount)).toEqual([`${use} in the mount namespace of process 7 (pod)`]);
});

test('a mount in it is found through another mount of what is above it', () => {
  expect(uses(line(2, '8:1', '/srv', '/host'), line(3, '0:5', '/', '/host/data/inner'))).toEqual([
    'it has a mount on it or in it, at /host/data/inner in the mount namespace of process 7 (pod)',
  ]);
});

test.each([
  ['what is above it', line(2, '8:1', '/srv', '/mnt')],
  ['a directory whose name begins like it', line(2, '8:1', '/srv/data-2', '/mnt')],
  ['the same path on another disk', line(2, '8:2', '/srv/data', '/mnt')],
  [
    'a path that is like it in another mount',
    line(2, '8:2', '/', '/other'),
    line(3, '0:5', '/', '/other/srv/data'),
  ],
])('%s is no use of it', (_, ...mounts) => {
  expect(uses(...mounts)).toEqual([]);
});
