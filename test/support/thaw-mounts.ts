import { onTestFinished } from 'vitest';
import { withDescriptor } from '../../src/kernel/calls/descriptor.ts';
import { below } from '../../src/kernel/calls/path-handle.ts';
import { fileSystemOn, isFileSystem } from '../../src/kernel/file-systems/superblock.ts';
import { withSharedMount } from '../../src/kernel/mounts/file-system-mount.ts';
import { thaw } from '../../src/kernel/mounts/freeze.ts';
import { readMountinfo } from '../../src/kernel/mounts/mountinfo.ts';
import { loopsBelow } from './scratch.ts';

/**
 * Thaws every file system in an image below a directory, wherever it is mounted, even if it is not mounted any more.
 * @returns the images of the frozen ones
 */
export async function thawBelow(directory: string): Promise<string[]> {
  const frozen: string[] = [];
  for (const { path: device, backingPath } of loopsBelow(directory)) {
    const mount = readMountinfo().find(({ source }) => source === device);
    const wasFrozen = mount ? await withDescriptor(mount.path, 'r', thaw) : await thawUnseen(device);
    if (wasFrozen) frozen.push(backingPath);
  }
  return frozen;
}

/**
 * Thaws them all when the test has ended. Call it after registering all other cleanups: the last one runs first, and
 * neither a hanging writer nor a mount can be ended before this.
 */
export function thawAtEnd(directory: string): void {
  onTestFinished(async () => void (await thawBelow(directory)));
}

async function thawUnseen(device: string): Promise<boolean> {
  const fsType = await fileSystemOn(device);
  if (!isFileSystem(fsType)) return false;
  const spec = { device, fsType, options: fsType === 'xfs' ? ['nouuid'] : [], attrSet: 0 };
  return withSharedMount(spec, (rootFd) => withDescriptor(below(rootFd), 'r', thaw));
}
