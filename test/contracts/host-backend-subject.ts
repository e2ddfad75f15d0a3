import { execFileSync } from 'node:child_process';
import { existsSync, statSync } from 'node:fs';
import { mkdir, open, readFile, rm, symlink, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { syncFileSystem } from '../../src/kernel/calls/descriptor.ts';
import { removeTree } from '../../src/kernel/trees/remove-tree.ts';
import type { VolumeContent } from '../../src/model/objects/volume.ts';
import type { Backend } from '../../src/model/ports/ports.ts';
import type { BackendSubject } from './backend-contract.ts';

/** A backend of the real file system, in a directory there. */
export function hostBackendSubject(
  backend: Backend,
  directory: string,
  newContent: () => VolumeContent | Promise<VolumeContent>,
  owner: BackendSubject['owner'],
): BackendSubject {
  return {
    backend,
    directory,
    owner,
    newContent: async () => newContent(),
    makeDirectory: async (path) => void (await mkdir(path)),
    makeFile: (path, content) => writeFile(path, content),
    makeSymlink: (path, to) => symlink(to, path),
    exists: async (path) => existsSync(path),
    readText: (path) => readFile(path, 'utf8'),
    async statusOf(path) {
      const { uid, gid, mode } = statSync(path);
      return { uid, gid, mode: mode & 0o7777 };
    },
    remove: (path) => rm(path, { recursive: true }),
    truncate: (path, bytes) => truncate(path, Number(bytes)),
    async restoreByHand(content) {
      execFileSync('cp', ['-aT', content, `${content}.copy`]);
      await removeTree(content);
      execFileSync('mv', [`${content}.copy`, content]);
    },
    sizeOf: async (path) => statSync(path, { bigint: true }).size,
    async write(content, bytes) {
      const isDirectory = statSync(content).isDirectory();
      const file = await open(isDirectory ? join(content, 'written') : content, isDirectory ? 'w' : 'r+');
      try {
        await file.write(Buffer.alloc(bytes, 'x'));
        await syncFileSystem(file.fd);
      } finally {
        await file.close();
      }
    },
  };
}
