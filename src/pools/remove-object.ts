import { basename } from 'node:path';
import { errno, KernelError } from '../kernel/calls/errno.ts';
import { mountsNaming } from '../kernel/mounts/known-mounts.ts';
import { removeTree } from '../kernel/workers/tree-tasks.ts';
import type { GroupSnapshot, Snapshot } from '../model/objects/snapshot.ts';
import type { Volume } from '../model/objects/volume.ts';
import type { Pool } from '../model/ports/pool.ts';
import { memberDirectory } from '../model/ports/volume-data.ts';
import { type AnyRecord, readAnyRecord } from '../records/record-kinds.ts';

type Backends = Pool['backends'];

/**
 * Removes what remains of an object, or of one being created, in its directory in a pool. May be repeated.
 * @throws KernelError EBUSY: something is mounted in it, and nothing is removed
 */
export async function removeLeftover(backends: Backends, directory: string): Promise<void> {
  refuseIfMounted(directory);
  const remembered = await readAnyRecord(directory);
  await (remembered
    ? removeRecorded(backends, directory, remembered)
    : // A crash came before its record was on disk.
      removeTree(directory));
}

/** Deleting a subvolume makes the kernel detach the mounts inside it. */
function refuseIfMounted(directory: string): void {
  const mount = mountsNaming(basename(directory)).find(({ path }) => path.startsWith(`${directory}/`));
  if (mount) throw new KernelError('remove', errno.EBUSY, `${directory} with a mount at ${mount.path}`);
}

function removeRecorded(backends: Backends, directory: string, remembered: AnyRecord): Promise<void> {
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
