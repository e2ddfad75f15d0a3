import { onTestFinished } from 'vitest';
import { withDescriptor } from '../../src/kernel/calls/descriptor.ts';
import { below } from '../../src/kernel/calls/path-handle.ts';
import { fileSystemOn } from '../../src/kernel/file-systems/superblock.ts';
import { withSharedMount } from '../../src/kernel/mounts/file-system-mount.ts';
import { thaw } from '../../src/kernel/mounts/freeze.ts';
import { readMountinfo } from '../../src/kernel/mounts/mountinfo.ts';
import { loopsBelow } from './scratch.ts';

/**
 * Thaws every file system in an image below a directory, wherever it is mounted, also if nowhere any more.
 * @returns the images of those that were frozen
 */
export async function thawBelow(directory: string): Promise<string[]> {
  const frozen: string[] = [];
  for (const { path: device, backingPath } of loopsBelow(directory)) {
    const mount = (await readMountinfo()).find(({ source }) => source === device);
    const wasFrozen = mount ? await withDescriptor(mount.path, 'r', thaw) : await thawUnseen(device);
    if (wasFrozen) frozen.push(backingPath);
  }
  return frozen;
}

/**
 * Thaws them all when the test has ended. Called after whatever else ends with the test: what was begun last is ended
 * first, and neither a writer that hangs nor a mount can be ended before this.
 */
export function thawAtEnd(directory: string): void {
  onTestFinished(async () => void (await thawBelow(directory)));
}

async function thawUnseen(device: string): Promise<boolean> {
  const fsType = await fileSystemOn(device);
  if (fsType === 'blank' || fsType === 'unknown') return false;
  const spec = { device, fsType, options: fsType === 'xfs' ? ['nouuid'] : [], attrSet: 0 };
  return withSharedMount(spec, (rootFd) => withDescriptor(below(rootFd), 'r', thaw));
}
