import { opendir } from 'node:fs/promises';
import { join } from 'node:path';
import { Subvolume } from '../backends/btrfs/subvolume.ts';
import { dataOf } from '../backends/volume-root.ts';
import { isSubvolume } from '../kernel/btrfs.ts';
import { withDescriptor } from '../kernel/descriptor.ts';
import { errno, KernelError } from '../kernel/errno.ts';
import { readMountinfo } from '../kernel/mountinfo.ts';
import { removeTree } from '../kernel/remove-tree.ts';
import { type Remembered, readAnyRecord } from '../records/record-kinds.ts';
import { memberDirectory } from '../volume/find-snapshot.ts';
import type { Pool } from '../volume/pool.ts';
import type { GroupSnapshot, Snapshot } from '../volume/snapshot.ts';
import type { Volume } from '../volume/volume.ts';

type Backends = Pool['backends'];

/**
 * Removes what is left in a pool's directory for it: an object, or what was made of one. May be repeated.
 * @throws KernelError EBUSY: something is mounted in it, and nothing is removed
 */
export async function removeLeftover(backends: Backends, directory: string): Promise<void> {
  await refuseIfMounted(directory);
  const remembered = await readAnyRecord(directory);
  await (remembered ? removeRemembered(backends, directory, remembered) : removeUnknown(directory));
}

/** The kernel would take down what is mounted in a subvolume that is deleted. */
async function refuseIfMounted(directory: string): Promise<void> {
  const mount = (await readMountinfo()).find(({ path }) => path.startsWith(`${directory}/`));
  if (mount) throw new KernelError('remove', errno.EBUSY, `${directory} with a mount at ${mount.path}`);
}

function removeRemembered(backends: Backends, directory: string, remembered: Remembered): Promise<void> {
  switch (remembered.kind) {
    case 'volume':
      return removeVolume(backends, directory, remembered.volume);
    case 'snapshot':
      return removeSnapshot(backends, directory, remembered.snapshot);
    case 'group':
      return removeGroup(backends, directory, remembered.group);
  }
}

export function removeVolume(backends: Backends, directory: string, volume: Volume): Promise<void> {
  return backends[volume.content.backend].destroy(directory, volume);
}

export function removeSnapshot(backends: Backends, directory: string, { content }: Snapshot): Promise<void> {
  return backends[content.backend].destroy(directory);
}

export async function removeGroup(
  backends: Backends,
  directory: string,
  { snapshots }: GroupSnapshot,
): Promise<void> {
  for (const snapshot of snapshots) {
    await removeSnapshot(backends, memberDirectory(directory, snapshot.id), snapshot);
  }
  await removeTree(directory);
}

/** Removes what has no record that can be understood: a crash came before it was on the disk. */
async function removeUnknown(directory: string): Promise<void> {
  for (const each of [directory, ...(await directoriesIn(directory))]) {
    if (await hasSubvolume(each)) await new Subvolume().destroy(each);
  }
  await removeTree(directory);
}

function hasSubvolume(directory: string): Promise<boolean> {
  return withDescriptor(dataOf(directory), 'r', isSubvolume).catch(() => false);
}

/** The directories in one; a group has one for each of its snapshots. */
async function directoriesIn(directory: string): Promise<string[]> {
  const found: string[] = [];
  try {
    for await (const entry of await opendir(directory)) {
      if (entry.isDirectory()) found.push(join(directory, entry.name));
    }
  } catch {
    // It is a file, or gone; whoever removes it finds out.
  }
  return found;
}
