import type { FileSystemStatus } from '../../kernel/calls/statfs.ts';

const XFS_MAGIC = 0x58465342;

/**
 * What tells one file system from another, the same after a reboot: the kind of file system and its id. XFS makes
 * its id of the device number, which another order of disks changes, so there the kind alone must do.
 */
export function fileSystemIdentity({ magic, id }: Pick<FileSystemStatus, 'magic' | 'id'>): string {
  const kind = (magic >>> 0).toString(16);
  return magic === XFS_MAGIC ? kind : `${kind}:${id}`;
}
