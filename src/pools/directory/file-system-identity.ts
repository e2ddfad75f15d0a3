import type { FileSystemStatus } from '../../kernel/calls/statfs.ts';

const XFS_MAGIC = 0x58465342;

/**
 * Identifies a file system across reboots by its type and id. XFS derives the id from the device number, which changes
 * with the order of disks, so XFS is identified by its type alone.
 */
export function fileSystemIdentity({ magic, id }: Pick<FileSystemStatus, 'magic' | 'id'>): string {
  const kind = (magic >>> 0).toString(16);
  return magic === XFS_MAGIC ? kind : `${kind}:${id}`;
}
