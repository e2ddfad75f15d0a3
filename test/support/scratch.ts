import { mkdtempSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach } from 'vitest';
import { unmount } from '../../src/kernel/bind-mount.ts';
import { readMountinfo } from '../../src/kernel/mountinfo.ts';

/**
 * A new directory for one test, gone after it with everything mounted below it. Directly below /tmp, so that
 * sockets in it have short paths.
 */
export function scratchDirectory(): string {
  const directory = mkdtempSync(join('/tmp', 'csi-'));
  afterEach(() => removeWithMounts(directory));
  return directory;
}

/** The paths at or below a directory where something is mounted, in the order they were mounted. */
export async function mountsBelow(directory: string): Promise<string[]> {
  const entries = await readMountinfo();
  return entries
    .map((entry) => entry.path)
    .filter((path) => path === directory || path.startsWith(`${directory}/`));
}

async function removeWithMounts(directory: string): Promise<void> {
  for (const path of (await mountsBelow(directory)).reverse()) await unmount(path);
  rmSync(directory, { recursive: true, force: true });
}
