import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { inProject } from '../../../scripts/lib/project.mjs';
import { KernelError } from '../../../src/kernel/calls/errno.ts';
import { OperationError } from '../../../src/kernel/files/file-operations.ts';
import { performOperations } from '../../../src/kernel/workers/file-tasks.ts';
import { removeTree } from '../../../src/kernel/workers/tree-tasks.ts';
import { scratchDirectory } from '../../support/scratch.ts';

test('operations are performed in order, with the modes that they name whatever the umask', async () => {
  const directory = scratchDirectory();
  const path = join(directory, 'new');
  const { uid, gid } = statSync(directory);
  await performOperations([
    { kind: 'make-directory', path, mode: 0o700 },
    { kind: 'write-new-file', path: join(path, 'file'), text: 'größe', mode: 0o600 },
    { kind: 'set-owner', path, owner: { uid, gid, mode: 0o3777 } },
    { kind: 'sync', path: join(path, 'file') },
    { kind: 'sync', path },
    { kind: 'rename', from: path, to: join(directory, 'moved') },
  ]);
  expect(readdirSync(directory)).toEqual(['moved']);
  expect(readFileSync(join(directory, 'moved', 'file'), 'utf8')).toBe('größe');
  expect(statSync(join(directory, 'moved')).mode & 0o7777).toBe(0o3777);
});

test('the operation that fails is named, with the error of the kernel, and no later one is begun', async () => {
  const directory = scratchDirectory();
  const missing = join(directory, 'missing', 'new');
  const failed = await performOperations([
    { kind: 'make-directory', path: join(directory, 'first'), mode: 0o700 },
    { kind: 'make-directory', path: missing, mode: 0o700 },
    { kind: 'make-directory', path: join(directory, 'last'), mode: 0o700 },
  ]).catch((error: unknown) => error);
  expect(failed).toBeInstanceOf(OperationError);
  const { index, cause } = failed as OperationError;
  expect(index).toBe(1);
  expect(cause).toBeInstanceOf(KernelError);
  expect(cause).toMatchObject({ code: 'ENOENT', syscall: 'mkdir', subject: missing });
  expect(readdirSync(directory)).toEqual(['first']);
});

test('a worker that reported an error does the next task, and tasks at once each have one', async () => {
  const directory = scratchDirectory();
  const trees = Array.from({ length: 12 }, (_, number) => join(directory, `${number}`));
  for (const tree of trees) mkdirSync(join(tree, 'inner'), { recursive: true });
  await expect(removeTree('/proc/version')).rejects.toBeInstanceOf(KernelError);
  await Promise.all(trees.map(removeTree));
  expect(trees.filter(existsSync)).toEqual([]);
});

test('a worker neither keeps a process alive nor prints anything', () => {
  const tree = join(scratchDirectory(), 'tree');
  mkdirSync(join(tree, 'inner'), { recursive: true });
  const module = JSON.stringify(inProject('dist', 'kernel', 'workers', 'tree-tasks.js'));
  const script = `import(${module}).then(({ removeTree }) => removeTree(process.argv[1]))`;
  const { status, stdout, stderr } = spawnSync(process.execPath, ['-e', script, tree], { encoding: 'utf8' });
  expect({ status, stdout, stderr }).toEqual({ status: 0, stdout: '', stderr: '' });
  expect(existsSync(tree)).toBe(false);
});
