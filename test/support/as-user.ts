import { spawnSync } from 'node:child_process';

const UNPRIVILEGED = 1000;

/** Runs a shell command as a user other than root, with these words as its arguments. */
export function asUser(command: string, ...args: string[]): { status: number | null; stderr: string } {
  const { status, stderr } = spawnSync('sh', ['-c', command, 'sh', ...args], {
    uid: UNPRIVILEGED,
    gid: UNPRIVILEGED,
    encoding: 'utf8',
    cwd: '/',
  });
  return { status, stderr };
}
