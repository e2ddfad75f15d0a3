import { execFileSync } from 'node:child_process';
import { mkdtempSync } from 'node:fs';
import { join } from 'node:path';
import { onTestFinished } from 'vitest';
import { unmount } from '../../src/kernel/bind-mount.ts';
import { readMountinfo } from '../../src/kernel/mountinfo.ts';

/**
 * A new directory for one test, gone after it with everything mounted below it. Directly below /tmp, so that
 * sockets in it have short paths.
 */
export function scratchDirectory(): string {
  const directory = newDirectory();
  // Not afterEach, which does nothing once the tests run.
  onTestFinished(() => removeWithMounts(directory));
  return directory;
}

/** The same for whoever sees to its end: `removeWithMounts`. */
export function newDirectory(): string {
  return mkdtempSync(join('/tmp', 'csi-'));
}

/** The paths at or below a directory where something is mounted, in the order they were mounted. */
export async function mountsBelow(directory: string): Promise<string[]> {
  const entries = await readMountinfo();
  return entries
    .map((entry) => entry.path)
    .filter((path) => path === directory || path.startsWith(`${directory}/`));
}

/** Removes a directory, however deep, with everything mounted at or below it. */
export async function removeWithMounts(directory: string): Promise<void> {
  for (const path of (await mountsBelow(directory)).reverse()) await unmount(path);
  execFileSync('rm', ['-rf', '--one-file-system', directory]);
}
