import { closeSync, open } from 'node:fs';
import { promisify } from 'node:util';
import { call, callNow, libraryCall, numberedCall } from '../calls/libc.ts';
import { below } from '../calls/path-handle.ts';
import { statusOf } from '../calls/statx.ts';

const openAsync = promisify(open);

const openTree = numberedCall('open_tree', 428, ['int', 'str', 'uint']);
const moveMount = numberedCall('move_mount', 429, ['int', 'str', 'int', 'str', 'uint']);
const mountSetattr = numberedCall('mount_setattr', 442, ['int', 'str', 'uint', 'void *', 'size_t']);
const umount2 = libraryCall('umount2', ['str', 'int']);

const AT_EMPTY_PATH = 0x1000;
const O_CLOEXEC = 0o2000000;
const OPEN_TREE_CLONE = 1;
const MOVE_MOUNT_F_EMPTY_PATH = 0x04;
const MOVE_MOUNT_T_EMPTY_PATH = 0x40;
const MNT_DETACH = 2;
const UMOUNT_NOFOLLOW = 8;

/** MOUNT_ATTR_* bits of mount_setattr(2). */
export const mountAttr = {
  readOnly: 0x01,
  noSuid: 0x02,
  noDev: 0x04,
  noExec: 0x08,
  /** The field that holds how access times are kept; it is cleared before another value is set. */
  accessTimeMask: 0x70,
  relatime: 0x00,
  noatime: 0x10,
  strictatime: 0x20,
  nodiratime: 0x80,
  noSymfollow: 0x200000,
} as const;

/**
 * Binds one open file or directory on another. The clone gets its attributes while it is still detached, so
 * that it is never visible without them; both ends are descriptors, so that no symbolic link can redirect it.
 * Mounts below the source do not come along.
 * @returns the new mount's id
 */
export function bindMount(sourceFd: number, targetFd: number, attrSet: number, attrClear: number): number {
  const tree = cloneMount(sourceFd, attrSet, attrClear);
  try {
    const flags = MOVE_MOUNT_F_EMPTY_PATH | MOVE_MOUNT_T_EMPTY_PATH;
    callNow(moveMount, 'target', tree, '', targetFd, '', flags);
    return statusOf(tree).mountId;
  } finally {
    closeSync(tree);
  }
}

/**
 * Lends a clone of the mount at an open directory that is attached nowhere: nobody else sees it, nothing is mounted in
 * it, and it has attributes of its own. Meanwhile the file system cannot be unmounted.
 * @throws KernelError EPERM for attributes that are locked in a user namespace
 */
export async function withDetachedClone<T>(
  fd: number,
  attrSet: number,
  attrClear: number,
  use: (fd: number) => T | Promise<T>,
): Promise<T> {
  const tree = cloneMount(fd, attrSet, attrClear);
  try {
    return await use(tree);
  } finally {
    closeSync(tree);
  }
}

/**
 * Opens the root of a detached clone of the mount at an open directory. The descriptor keeps the file system reachable
 * when every mount of it is taken down, and keeps nobody from taking them down.
 * @returns a descriptor open for reading. Closing it may wait for the disk, where it is the last user
 */
export function openDetached(fd: number): Promise<number> {
  return withDetachedClone(fd, 0, 0, (tree) => openAsync(below(tree), 'r'));
}

function cloneMount(fd: number, attrSet: number, attrClear: number): number {
  const tree = callNow(openTree, 'source', fd, '', OPEN_TREE_CLONE | O_CLOEXEC | AT_EMPTY_PATH);
  try {
    if (attrSet !== 0 || attrClear !== 0) setAttributes(tree, attrSet, attrClear);
    return tree;
  } catch (error) {
    closeSync(tree);
    throw error;
  }
}

function setAttributes(tree: number, attrSet: number, attrClear: number): void {
  const attributes = Buffer.alloc(32);
  attributes.writeBigUInt64LE(BigInt(attrSet), 0);
  attributes.writeBigUInt64LE(BigInt(attrClear), 8);
  callNow(mountSetattr, 'mount attributes', tree, '', AT_EMPTY_PATH, attributes, attributes.length);
}

/**
 * Takes down the topmost mount at a path whose last component is not a symbolic link. Waits for the file
 * system where it must, so it runs on another thread.
 * @throws KernelError EBUSY while a process works in it, EINVAL where nothing is mounted
 */
export async function unmount(path: string): Promise<void> {
  await call(umount2, path, path, UMOUNT_NOFOLLOW);
}

/**
 * The same for what is in use and will not be let go: it is not at the path any more, and ends when its last user lets it
 * go.
 */
export async function unmountLazily(path: string): Promise<void> {
  await call(umount2, path, path, UMOUNT_NOFOLLOW | MNT_DETACH);
}
