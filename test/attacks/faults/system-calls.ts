import type { SystemCall } from './strace.ts';

const shortage = ['EMFILE', 'ENOMEM'];
const disk = ['EIO', 'EROFS', 'ENOSPC', 'EDQUOT'];

/** The system calls that the driver makes on purpose, and the errors that each may return. */
const errorsByCall: Readonly<Record<string, readonly string[]>> = {
  openat: [...shortage, 'EIO', 'EINTR', 'ESTALE'],
  openat2: [...shortage, 'EIO', 'EINTR', 'ESTALE'],
  statx: ['ENOMEM', 'EIO', 'ESTALE'],
  fstat: ['ENOMEM', 'EIO', 'ESTALE'],
  newfstatat: ['ENOMEM', 'EIO', 'ESTALE'],
  statfs: ['ENOMEM', 'EIO', 'ESTALE', 'EINTR'],
  fstatfs: ['ENOMEM', 'EIO', 'ESTALE', 'EINTR'],
  readlink: ['ENOMEM', 'EIO'],
  getdents64: ['EIO', 'ENOMEM', 'ESTALE'],
  lseek: ['EIO'],
  read: ['EIO', 'ESTALE'],
  pread64: ['EIO', 'ESTALE'],
  write: ['EIO', 'ENOSPC', 'EDQUOT', 'EINTR', 'ESTALE'],
  pwrite64: ['EIO', 'ENOSPC', 'EDQUOT', 'EINTR', 'ESTALE'],
  copy_file_range: ['EIO', 'ENOSPC', 'EDQUOT', 'ENOMEM'],
  ftruncate: ['EIO', 'EROFS', 'ENOSPC', 'EDQUOT', 'EINTR'],
  fallocate: ['EIO', 'ENOSPC', 'EDQUOT', 'EINTR'],
  mkdir: [...disk, 'ENOMEM', 'ESTALE'],
  mkdirat: [...disk, 'ENOMEM', 'ESTALE'],
  mknodat: [...disk, 'ENOMEM', 'ESTALE'],
  symlinkat: [...disk, 'ENOMEM', 'ESTALE'],
  linkat: [...disk, 'ENOMEM', 'ESTALE'],
  rename: [...disk, 'ENOMEM', 'ESTALE'],
  renameat: [...disk, 'ENOMEM', 'ESTALE'],
  renameat2: [...disk, 'ENOMEM', 'ESTALE'],
  unlink: ['EIO', 'EROFS', 'ENOMEM', 'EBUSY', 'ESTALE'],
  unlinkat: ['EIO', 'EROFS', 'ENOMEM', 'EBUSY', 'ESTALE'],
  rmdir: ['EIO', 'EROFS', 'ENOMEM', 'EBUSY', 'ESTALE'],
  fsync: [...disk, 'EINTR', 'ESTALE'],
  fdatasync: [...disk, 'EINTR', 'ESTALE'],
  syncfs: [...disk, 'ESTALE'],
  chown: [...disk, 'ENOMEM'],
  fchown: [...disk, 'ENOMEM'],
  fchownat: [...disk, 'ENOMEM'],
  chmod: [...disk, 'ENOMEM'],
  fchmod: [...disk, 'ENOMEM'],
  fchmodat: [...disk, 'ENOMEM'],
  utimensat: ['EIO', 'EROFS', 'ENOMEM'],
  flistxattr: ['EIO', 'ENOMEM'],
  llistxattr: ['EIO', 'ENOMEM'],
  flock: ['EINTR', 'ENOLCK'],
  fcntl: ['ENOMEM', 'EINTR'],
  ioctl: [...disk, 'ENOMEM', 'EINTR'],
  open_tree: [...shortage],
  mount_setattr: ['ENOMEM', 'EBUSY'],
  move_mount: ['ENOMEM', 'EBUSY'],
  fsopen: [...shortage],
  fsconfig: ['EIO', 'ENOMEM', 'EBUSY'],
  fsmount: [...shortage, 'EBUSY'],
  umount2: ['ENOMEM', 'EBUSY'],
};

/** The files that the driver uses besides those of the node. */
const filesOfKernel = /"\/(dev\/loop|sys\/|proc\/)|<\/(dev\/loop|sys\/|proc\/)|\[fscontext\]/;
/** These make or change a file, depending on their flags. */
const forWriting = /O_WRONLY|O_RDWR|O_CREAT/;
/** Another process takes the loop device, or resizes the file system. */
const canBeBusy = /LOOP_CONFIGURE|LOOP_CTL|RESIZE|GROWFS/;
/** Node makes these of its own files. */
const ofNode = /F_(GET|SET)F[DL]|FIONBIO|FIOCLEX/;

export const tracedCalls = Object.keys(errorsByCall);

/** The system calls that make what was written durable. */
export const syncs = ['fsync', 'fdatasync', 'syncfs'];

/** The system calls that mount. */
export const mounts = ['open_tree', 'mount_setattr', 'fsopen', 'fsconfig', 'fsmount', 'move_mount'];

/** The system calls that write to a file. */
export const writes = ['write', 'pwrite64', 'ftruncate', 'copy_file_range', 'fallocate'];

/** The system calls that change files and nothing else: a read-only disk refuses them. */
export const changingCalls = Object.keys(errorsByCall).filter(
  (name) => errorsByCall[name]?.includes('EROFS') && name !== 'ioctl',
);

/** Whether the driver makes a call on purpose: for something in a directory, or in the kernel. */
export function isOfDriver({ args }: Pick<SystemCall, 'args'>, directory: string): boolean {
  return (args.includes(directory) || filesOfKernel.test(args)) && !ofNode.test(args);
}

/** The errors that a call may return. */
export function errorsOf({ name, args }: Pick<SystemCall, 'name' | 'args'>): readonly string[] {
  const errors = errorsByCall[name] ?? [];
  if (args.includes('LOOP_GET_STATUS')) return ['ENOMEM', 'EINTR'];
  if (name === 'ioctl' && canBeBusy.test(args)) return [...errors, 'EBUSY'];
  const isForWriting = name.startsWith('openat') && forWriting.test(args);
  return isForWriting ? [...errors, 'EROFS', 'ENOSPC', 'EDQUOT'] : errors;
}
