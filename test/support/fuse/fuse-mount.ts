import { type ChildProcess, execFileSync, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { onTestFinished } from 'vitest';

const server = fileURLToPath(new URL('server.mjs', import.meta.url));
const FILE_NAME = 'image';
const FILE_BYTES = 1024 ** 2;

/** A file system whose server is a process of the test. */
export interface FuseMount {
  readonly path: string;
  /** The file in it, of 1 MiB. */
  readonly file: string;
  /** Stops the server from answering: requests to the file system hang. */
  hang(): void;
  /** Ends the server: pending and later requests fail with ENOTCONN. */
  die(): Promise<void>;
}

/**
 * Mounts a file system with one file in it at a path, which is created if missing. Its server does not outlive the
 * test, so nothing of the test waits for it afterwards.
 */
export async function fuseMount(path: string): Promise<FuseMount> {
  mkdirSync(path, { recursive: true });
  const child: ChildProcess = spawn(process.execPath, [server, path, FILE_NAME, `${FILE_BYTES}`], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const exit = once(child, 'close');
  const die = async () => {
    child.kill('SIGKILL');
    await exit;
  };
  onTestFinished(async () => {
    await die();
    // Processes with a pending request may need a moment to release it.
    spawnSync('umount', ['--lazy', path], { stdio: 'ignore' });
  });
  const ready = child.stdout ? once(child.stdout, 'data') : undefined;
  await Promise.race([ready, exit.then(() => Promise.reject(new Error('the FUSE server ended')))]);
  return { path, file: join(path, FILE_NAME), hang: () => void child.kill('SIGSTOP'), die };
}

/** Attaches the file of such a file system to a loop device, as another program would. */
export function attachForeign({ file, die }: FuseMount): string {
  const device = execFileSync('losetup', ['--find', '--show', file], { encoding: 'utf8' }).trim();
  onTestFinished(async () => {
    await die();
    execFileSync('losetup', ['--detach', device]);
  });
  return device;
}
