import { spawnSync } from 'node:child_process';
import { isHostRoot } from './host-root.ts';

const UNPRIVILEGED = 1000;

/** Runs a shell command with these arguments, as a user other than root if there is one. */
export function asUser(
  command: string,
  ...args: string[]
): { status: number | null; stderr: string; stdout: string } {
  const { status, stdout, stderr } = spawnSync('sh', ['-c', command, 'sh', ...args], {
    ...(isHostRoot ? { uid: UNPRIVILEGED, gid: UNPRIVILEGED } : {}),
    encoding: 'utf8',
    cwd: '/',
  });
  return { status, stdout, stderr };
}
