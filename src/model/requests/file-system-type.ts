/** The file systems that an image can have, as in fs_type. */
export const fileSystemTypes = ['ext4', 'xfs', 'btrfs'] as const;

export type FileSystemType = (typeof fileSystemTypes)[number];

/** The file system of an image if fs_type is empty. */
export const defaultFileSystemType: FileSystemType = 'ext4';
