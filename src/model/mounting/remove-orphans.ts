import { posix } from 'node:path';
import { VolumeError } from '../errors.ts';
import type { Volume } from '../objects/volume.ts';
import type { Host, Parts } from '../parts.ts';
import { deleteUnused } from '../volumes/delete-volume.ts';

/** The result for an inline volume whose pod may be gone. */
export interface Orphan {
  readonly volumeId: string;
  readonly targetPath: string;
  readonly outcome:
    | { readonly kind: 'removed' }
    /** It is not known whether its pod is gone: the disk that would show it may not be mounted. */
    | { readonly kind: 'unknown' }
    /** Its pod is gone, but part of the volume is mounted or attached. */
    | { readonly kind: 'in use'; readonly error: VolumeError }
    | { readonly kind: 'failed'; readonly error: unknown };
}

/**
 * Removes the inline volumes of a pool whose pods ended while the node or the driver was down, so that no unpublish
 * came. A volume whose pod still exists stays, with its data, and the next publish finds it; so does a volume that a
 * call of the kubelet works on at the same time.
 * @returns the volumes whose pods are not known to exist
 */
export async function removeOrphans(
  parts: Parts<'catalogue' | 'host' | 'holds' | 'settings' | 'onStep' | 'now'>,
  poolName: string,
): Promise<Orphan[]> {
  const orphans: Orphan[] = [];
  for (const volume of parts.catalogue.volumes.all()) {
    if (volume.pool !== poolName || !volume.inline) continue;
    const { targetPath } = volume.inline;
    const user = await podOf(parts, volume.inline);
    if (user === 'there') continue;
    const outcome = user === 'gone' ? await remove(parts, volume) : ({ kind: user } as const);
    orphans.push({ volumeId: volume.id, targetPath, outcome });
  }
  return orphans;
}

/** Whether the pod of an inline volume is gone; unknown if the disk that would show it may not be mounted. */
export function podOf(
  { host, settings }: Parts<'host' | 'settings'>,
  { targetPath }: NonNullable<Volume['inline']>,
): Promise<'there' | 'gone' | 'unknown'> {
  return stateOf(host, settings.mountPaths.userDirectoryOf(targetPath));
}

/**
 * Whether a directory is gone. If its parent is missing or empty, the disk may just not be mounted: the answer is
 * then unknown, not gone.
 */
async function stateOf({ paths }: Host, directory: string): Promise<'there' | 'gone' | 'unknown'> {
  try {
    const { kind } = await paths.inspect(directory);
    if (kind !== 'absent') return 'there';
    const parent = posix.dirname(directory);
    const { kind: parentKind } = await paths.inspect(parent);
    if (parentKind !== 'directory' && parentKind !== 'mounted') return 'unknown';
    return (await paths.hasEntries(parent)) ? 'gone' : 'unknown';
  } catch {
    // A symbolic link in the path, or a disk that does not answer.
    return 'unknown';
  }
}

async function remove(
  parts: Parts<'catalogue' | 'host' | 'holds' | 'settings' | 'onStep' | 'now'>,
  volume: Volume,
): Promise<Orphan['outcome']> {
  try {
    await deleteUnused(parts, volume);
    return { kind: 'removed' };
  } catch (error) {
    const isInUse = error instanceof VolumeError && error.kind === 'precondition';
    return isInUse ? { kind: 'in use', error } : { kind: 'failed', error };
  }
}
