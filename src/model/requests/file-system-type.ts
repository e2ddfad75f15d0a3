/** The file systems an image can have, as fs_type names them. */
export const fileSystemTypes = ['ext4', 'xfs', 'btrfs'] as const;

export type FileSystemType = (typeof fileSystemTypes)[number];

/** What an image gets where fs_type leaves it open. */
export const defaultFileSystemType: FileSystemType = 'ext4';
