import { execFileSync, spawnSync } from 'node:child_process';
import { mkdtempSync } from 'node:fs';
import { join } from 'node:path';
import { onTestFinished } from 'vitest';
import { type AttachedLoop, listLoops } from '../../src/kernel/devices/loop-list.ts';
import { unmount } from '../../src/kernel/mounts/bind-mount.ts';
import { readMountinfo } from '../../src/kernel/mounts/mountinfo.ts';

/**
 * A new directory for one test, removed afterwards with everything mounted below it. Directly below /tmp, so that
 * sockets in it have short paths.
 */
export function scratchDirectory(): string {
  const directory = newDirectory();
  // Not afterEach, which does nothing once the tests run.
  onTestFinished(() => removeWithMounts(directory));
  return directory;
}

/** The same for callers that remove it themselves: `removeWithMounts`. */
export function newDirectory(): string {
  return mkdtempSync(join('/tmp', 'csi-'));
}

/** The paths at or below a directory where something is mounted, in the order they were mounted. */
export async function mountsBelow(directory: string): Promise<string[]> {
  const entries = readMountinfo();
  return entries
    .map((entry) => entry.path)
    .filter((path) => path === directory || path.startsWith(`${directory}/`));
}

/** The loop devices of files below a directory, in the order of their numbers. */
export function loopsBelow(directory: string): AttachedLoop[] {
  return listLoops()
    .filter(({ backingPath }) => backingPath.startsWith(`${directory}/`))
    .sort((one, other) => numberOf(one) - numberOf(other));
}

function numberOf({ path }: AttachedLoop): number {
  return Number(path.slice('/dev/loop'.length));
}

/** Removes a directory, however deep, with everything mounted at or below it and the loop devices of files in it. */
export async function removeWithMounts(directory: string): Promise<void> {
  for (const path of (await mountsBelow(directory)).reverse()) await unmount(path);
  // A device that is on another one holds it, until it is detached itself.
  for (const { path } of loopsBelow(directory).reverse()) {
    // It may be gone by now, with its mount. A read-only device stays read-only for its next user.
    spawnSync('blockdev', ['--setrw', path]);
    spawnSync('losetup', ['--detach', path]);
  }
  execFileSync('rm', ['-rf', '--one-file-system', directory]);
}

/** Detaches the attached files of a pool, which could not be unmounted otherwise. */
export function detachBelow(pool: string): void {
  for (const { path } of loopsBelow(pool)) spawnSync('losetup', ['--detach', path]);
}
