import { statusOf } from '../../kernel/calls/statx.ts';
import { isSubvolume } from '../../kernel/file-systems/btrfs.ts';
import type { StoredContent } from '../../model/ports/ports.ts';
import { dataOf, withDataOrLoss } from '../volume-root.ts';

/**
 * Whether an open directory is a subvolume that the driver may treat as a volume: limit, cut and remove as a whole. After
 * a restore by hand (rsync, cp -a) it is a plain directory, whatever its record says; then anything done to "its"
 * subvolume would be done to the one that encloses it, up to the whole disk. What is mounted there is not the volume's.
 */
export async function isOwnSubvolume(fd: number): Promise<boolean> {
  return (await isSubvolume(fd)) && !statusOf(fd).isMountRoot;
}

/** What is there to copy in the directory of a volume or snapshot. @throws VolumeError damaged: nothing */
export async function originalData(directory: string): Promise<StoredContent> {
  const backend = (await withDataOrLoss(directory, isOwnSubvolume)) ? 'subvolume' : 'directory';
  return { backend, path: dataOf(directory) };
}
