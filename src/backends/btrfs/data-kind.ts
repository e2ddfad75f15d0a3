import { statusOf } from '../../kernel/calls/statx.ts';
import { isSubvolume } from '../../kernel/file-systems/btrfs.ts';
import type { StoredContent } from '../../model/ports/ports.ts';
import { dataOf, withDataHandle } from '../volume-root.ts';

/**
 * Whether an open directory is a subvolume that the driver may treat as a volume: limit, snapshot and remove as a whole.
 * After a manual restore (rsync, cp -a) it is a plain directory, whatever its record says; operations on "its" subvolume
 * would then affect the enclosing one, up to the whole disk. A mount there does not belong to the volume.
 */
export async function isOwnSubvolume(fd: number): Promise<boolean> {
  return (await isSubvolume(fd)) && !statusOf(fd).isMountRoot;
}

/** The content to copy from the directory of a volume or snapshot. @throws VolumeError damaged: there is none */
export async function originalData(directory: string): Promise<StoredContent> {
  const backend = (await withDataHandle(directory, isOwnSubvolume)) ? 'subvolume' : 'directory';
  return { backend, path: dataOf(directory) };
}
