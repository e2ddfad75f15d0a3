import { type IoctlRequest, ioctl, ioctlSync } from '../calls/ioctl.ts';

const FS_IOC_FSGETXATTR: IoctlRequest = { name: 'FS_IOC_FSGETXATTR', number: 0x801c581f };
const FS_IOC_FSSETXATTR: IoctlRequest = { name: 'FS_IOC_FSSETXATTR', number: 0x401c5820 };

/** struct fsxattr of linux/fs.h. */
export const fsxattr = { bytes: 28, flags: 0, projectId: 12 } as const;

/** The file lies on XFS's realtime device. */
export const FS_XFLAG_REALTIME = 0x1;
/** New entries in the directory inherit its project. */
export const FS_XFLAG_PROJINHERIT = 0x200;

/**
 * The struct fsxattr of a file or directory open for reading (O_PATH is not enough).
 * @throws KernelError ENOTTY or EOPNOTSUPP if the file system has none
 */
export function readAttributes(fd: number): Buffer {
  const attributes = Buffer.alloc(fsxattr.bytes);
  ioctlSync(fd, FS_IOC_FSGETXATTR, attributes);
  return attributes;
}

export async function writeAttributes(fd: number, attributes: Buffer): Promise<void> {
  await ioctl(fd, FS_IOC_FSSETXATTR, attributes);
}

/** As `writeAttributes`. Blocks its thread. */
export function writeAttributesSync(fd: number, attributes: Buffer): void {
  ioctlSync(fd, FS_IOC_FSSETXATTR, attributes);
}
