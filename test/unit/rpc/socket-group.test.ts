import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { groupIdOf } from '../../../src/rpc/server/unix-socket.ts';
import { temporaryDirectory } from '../temporary-directory.ts';

function groupFile(): string {
  const path = join(temporaryDirectory(), 'group');
  writeFileSync(path, 'root:x:0:\nstaff:x:50:alice,bob\nstaff2:x:51:\n');
  return path;
}

test.each([
  ['staff', 50],
  ['root', 0],
  ['1234', 1234],
  ['', undefined],
])('the group %j has the number %s', async (group, id) => {
  expect(await groupIdOf(group, groupFile())).toBe(id);
});

test.each(['nobody-here', 'sta', 'Staff', '50x', '-1'])(
  'an unknown group is refused by name: %s',
  async (group) => {
    await expect(groupIdOf(group, groupFile())).rejects.toThrow(
      `--socket-group: group "${group}" does not exist`,
    );
  },
);

test('without a file the groups of this host are used', async () => {
  expect(await groupIdOf('root')).toBe(0);
});
