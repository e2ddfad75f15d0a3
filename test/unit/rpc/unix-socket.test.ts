import { once } from 'node:events';
import {
  existsSync,
  lstatSync,
  mkdirSync,
  readFileSync,
  renameSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { createServer, type Server } from 'node:net';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { clearStaleSocket, setSocketAccess } from '../../../src/rpc/server/unix-socket.ts';
import { temporaryDirectory } from '../temporary-directory.ts';

const newPath = () => join(temporaryDirectory(), 'csi.sock');

async function listenOn(path: string): Promise<Server> {
  const server = createServer();
  server.listen(path);
  await once(server, 'listening');
  onTestFinished(() => void server.close());
  return server;
}

/** A socket whose process has died. A server that closes removes its socket, unless it was moved. */
async function leaveSocket(path: string): Promise<void> {
  const server = await listenOn(`${path}.live`);
  renameSync(`${path}.live`, path);
  server.close();
  await once(server, 'close');
}

test('a missing path is free', async () => {
  await clearStaleSocket(newPath());
});

test('a socket of a process that died is removed', async () => {
  const path = newPath();
  await leaveSocket(path);
  expect(lstatSync(path).isSocket()).toBe(true);
  await clearStaleSocket(path);
  expect(existsSync(path)).toBe(false);
});

test('a socket of another running process is left', async () => {
  const path = newPath();
  await listenOn(path);
  await expect(clearStaleSocket(path)).rejects.toThrow(`another process listens on ${path}`);
  expect(existsSync(path)).toBe(true);
});

test.each([
  ['a file', (path: string) => writeFileSync(path, 'precious')],
  ['an empty directory', (path: string) => mkdirSync(path)],
  ['a symbolic link to nowhere', (path: string) => symlinkSync('/nowhere', path)],
])('%s is not a socket, and is left unchanged', async (_, make) => {
  const path = newPath();
  make(path);
  const before = lstatSync(path);
  await expect(clearStaleSocket(path)).rejects.toThrow(`${path} exists and is not a socket; left untouched`);
  expect(lstatSync(path).ino).toBe(before.ino);
});

test('a link to a stale socket is not followed', async () => {
  const path = newPath();
  await leaveSocket(`${path}.stale`);
  symlinkSync(`${path}.stale`, path);
  await expect(clearStaleSocket(path)).rejects.toThrow('is not a socket');
  expect(lstatSync(`${path}.stale`).isSocket()).toBe(true);
});

test('a path in a missing directory is reported with that directory', async () => {
  const path = newPath();
  writeFileSync(path, 'precious');
  await expect(clearStaleSocket(join(path, 'below'))).rejects.toThrow(
    `the directory of ${path}/below does not exist`,
  );
  expect(readFileSync(path, 'utf8')).toBe('precious');
});

test('a socket gets the requested mode, and the requested group if any', async () => {
  const path = newPath();
  await listenOn(path);
  const { gid } = statSync(path);
  await setSocketAccess(path, { mode: 0o620, groupId: undefined });
  expect(statSync(path)).toMatchObject({ mode: 0o140620, gid });
  await setSocketAccess(path, { mode: 0o660, groupId: gid });
  expect(statSync(path)).toMatchObject({ mode: 0o140660, gid });
});
