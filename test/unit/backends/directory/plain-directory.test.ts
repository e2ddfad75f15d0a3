import { existsSync, statSync } from 'node:fs';
import { mkdir, symlink, writeFile } from 'node:fs/promises';
import { expect, test } from 'vitest';
import { PlainDirectory } from '../../../../src/backends/directory/plain-directory.ts';
import { backendContract } from '../../../contracts/backend-contract.ts';
import { temporaryDirectory } from '../../temporary-directory.ts';

backendContract('PlainDirectory', async () => {
  const directory = temporaryDirectory();
  const { uid, gid } = statSync(directory);
  return {
    backend: new PlainDirectory(),
    directory,
    owner: { uid, gid },
    makeDirectory: async (path) => void (await mkdir(path)),
    makeFile: (path, content) => writeFile(path, content),
    makeSymlink: (path, to) => symlink(to, path),
    exists: async (path) => existsSync(path),
    async statusOf(path) {
      const status = statSync(path);
      return { uid: status.uid, gid: status.gid, mode: status.mode & 0o7777 };
    },
  };
});

test('plain directories do not claim to enforce a capacity', () => {
  expect(new PlainDirectory().enforcesCapacity).toBe(false);
});
