import { closeSync, open } from 'node:fs';
import { promisify } from 'node:util';
import { call, callSync, libraryCall, numberedCall } from '../calls/libc.ts';
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
  /** The bits that select the access time mode; they are cleared before another mode is set. */
  accessTimeMask: 0x70,
  relatime: 0x00,
  noatime: 0x10,
  strictatime: 0x20,
  nodiratime: 0x80,
  noSymfollow: 0x200000,
} as const;

/**
 * Bind-mounts one open file or directory on another. The clone gets its attributes while it is still detached, so that
 * it is never visible without them. Both ends are descriptors, so that no symbolic link can redirect the mount. Mounts
 * below the source are not included.
 * @returns the new mount's id
 */
export function bindMount(sourceFd: number, targetFd: number, attrSet: number, attrClear: number): number {
  const tree = cloneMount(sourceFd, attrSet, attrClear);
  try {
    // First, because nothing may fail once it is mounted.
    const { mountId } = statusOf(tree);
    const flags = MOVE_MOUNT_F_EMPTY_PATH | MOVE_MOUNT_T_EMPTY_PATH;
    callSync(moveMount, 'target', tree, '', targetFd, '', flags);
    return mountId;
  } finally {
    closeSync(tree);
  }
}

/**
 * Passes `use` a detached clone of the mount at an open directory: it is not visible to others, contains no mounts, and
 * has its own attributes. The file system stays mounted until `use` is done.
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

// Keeps devices from being opened, and leaves access times as they are.
const WALK_ATTRIBUTES = mountAttr.noDev | mountAttr.noSuid | mountAttr.noExec | mountAttr.noatime;

/** The same for a walk through a tree, which sees no mounts in it, opens no devices and changes no access times. */
export function withCloneToWalk<T>(fd: number, use: (fd: number) => T | Promise<T>): Promise<T> {
  return withDetachedClone(fd, WALK_ATTRIBUTES, mountAttr.accessTimeMask, use);
}

/**
 * Opens the root of a detached clone of the mount at an open directory. The descriptor keeps the file system reachable
 * after all its mounts are unmounted, and does not prevent unmounting them.
 * @returns a descriptor open for reading. Closing it may wait for the disk if it is the last user
 */
export function openDetached(fd: number): Promise<number> {
  return withDetachedClone(fd, 0, 0, (tree) => openAsync(below(tree), 'r'));
}

function cloneMount(fd: number, attrSet: number, attrClear: number): number {
  const tree = callSync(openTree, 'source', fd, '', OPEN_TREE_CLONE | O_CLOEXEC | AT_EMPTY_PATH);
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
  callSync(mountSetattr, 'mount attributes', tree, '', AT_EMPTY_PATH, attributes, attributes.length);
}

/**
 * Unmounts the topmost mount at a path whose last component is not a symbolic link. May wait for the file system, so it
 * runs on another thread.
 * @throws KernelError EBUSY if the mount is in use, EINVAL if the path is not a mount point
 */
export async function unmount(path: string): Promise<void> {
  await call(umount2, path, path, UMOUNT_NOFOLLOW);
}

/** Unmounts a mount even while it is in use: it leaves the path at once, and ends when its last user closes it. */
export async function unmountLazily(path: string): Promise<void> {
  await call(umount2, path, path, UMOUNT_NOFOLLOW | MNT_DETACH);
}
