import { closeSync, constants } from 'node:fs';
import { withDescriptor } from '../calls/descriptor.ts';
import { errno, isErrno, KernelError } from '../calls/errno.ts';
import { type IoctlRequest, ioctl } from '../calls/ioctl.ts';
import { call, libraryCall } from '../calls/libc.ts';
import { below } from '../calls/path-handle.ts';
import { deleteSubvolume, isSubvolume, makeWritable, ROOT_INODE, subvolumeId } from './btrfs.ts';

const openByHandleAt = libraryCall('open_by_handle_at', ['int', 'void *', 'int']);

const BTRFS_IOC_TREE_SEARCH: IoctlRequest = { name: 'BTRFS_IOC_TREE_SEARCH', number: 0xd0009411 };
const BTRFS_IOC_GET_SUBVOL_ROOTREF: IoctlRequest = {
  name: 'BTRFS_IOC_GET_SUBVOL_ROOTREF',
  number: 0xd000943d,
};
const BTRFS_IOC_INO_LOOKUP_USER: IoctlRequest = { name: 'BTRFS_IOC_INO_LOOKUP_USER', number: 0xd000943e };

/** struct btrfs_ioctl_ino_lookup_user_args. */
const userLookup = { bytes: 4096, directory: 0, treeId: 8, name: 16, path: 272 } as const;
/** struct btrfs_ioctl_get_subvol_rootref_args. */
const rootReferences = { bytes: 4096, first: 8, entryBytes: 16, count: 4088 } as const;
/** struct btrfs_ioctl_search_args. What is found follows, each behind a header of 32 bytes. */
const treeSearch = {
  bytes: 4096,
  treeId: 0,
  leastInode: 8,
  mostInode: 16,
  mostTransaction: 48,
  leastType: 56,
  mostType: 60,
  count: 64,
  firstItem: 136,
} as const;

const OPEN_DIRECTORY = constants.O_RDONLY | constants.O_DIRECTORY | constants.O_NOFOLLOW;
const O_CLOEXEC = 0o2000000;

// A process may still be making subvolumes in the tree that is removed.
const PASS_LIMIT = 8;

/** A subvolume that lies in a directory of another one. */
export interface NestedSubvolume {
  readonly id: number;
  /** The other one's id, and the directory in it. */
  readonly parentId: number;
  readonly directoryInode: bigint;
}

/** The subvolumes directly in the one an open file or directory lies in, in whatever directories of it. */
export async function nestedSubvolumes(fd: number): Promise<NestedSubvolume[]> {
  const parentId = subvolumeId(fd);
  const found: NestedSubvolume[] = [];
  const args = Buffer.alloc(rootReferences.bytes);
  for (;;) {
    const isLast = await readReferences(fd, args);
    for (let index = 0; index < args.readUInt8(rootReferences.count); index++) {
      const offset = rootReferences.first + index * rootReferences.entryBytes;
      const id = Number(args.readBigUInt64LE(offset));
      found.push({ id, parentId, directoryInode: args.readBigUInt64LE(offset + 8) });
    }
    if (isLast) return found;
  }
}

// When there are more than fit, the kernel fills what there is room for, and notes in it where to go on.
async function readReferences(fd: number, args: Buffer): Promise<boolean> {
  try {
    await ioctl(fd, BTRFS_IOC_GET_SUBVOL_ROOTREF, args);
    return true;
  } catch (error) {
    if (isErrno(error, errno.EOVERFLOW)) return false;
    throw error;
  }
}

/**
 * Removes a subvolume and those nested in it, however deep, read-only ones too. They are reached by number and
 * not by path, so that neither a symbolic link nor a path too long to be walked stands in the way. What does
 * not exist is removed already.
 * @returns the ids of what was removed, whose qgroups may be left
 * @throws KernelError EINVAL for what is not a subvolume, EBUSY where something is mounted on one of them
 */
export async function removeSubvolumeTree(parentFd: number, name: string | Buffer): Promise<number[]> {
  const removed: number[] = [];
  for (let pass = 1; ; pass++) {
    try {
      const [top, ...nested] = await listTree(parentFd, name);
      // Every subvolume comes after the one it lies in, so the innermost are removed first.
      for (const each of nested.reverse()) {
        await unlessGone(removeNested(parentFd, each));
        removed.push(each.id);
      }
      await deleteSubvolume(parentFd, name);
      return [...removed, top];
    } catch (error) {
      if (isErrno(error, errno.ENOENT)) return removed;
      if (pass === PASS_LIMIT || !isErrno(error, errno.ENOTEMPTY)) throw error;
    }
  }
}

/**
 * The id of the subvolume of this name, and all in it. Those that hold others are made writable: no entry of a read-only
 * one can be removed, not even another subvolume.
 */
async function listTree(parentFd: number, name: string | Buffer): Promise<[number, ...NestedSubvolume[]]> {
  return withDescriptor(below(parentFd, name), OPEN_DIRECTORY, async (fd) => {
    if (!(await isSubvolume(fd))) throw new KernelError('subvolume', errno.EINVAL, name.toString());
    const found = await nestedSubvolumes(fd);
    if (found.length > 0) await makeWritable(fd);
    // The list grows while it is walked.
    for (const { id } of found) {
      const addInner = async (nestedFd: number) => {
        const inner = await nestedSubvolumes(nestedFd);
        if (inner.length > 0) await makeWritable(nestedFd);
        found.push(...inner);
      };
      await unlessGone(withInode(fd, id, ROOT_INODE, addInner));
    }
    return [subvolumeId(fd), ...found];
  });
}

function removeNested(fd: number, { id, parentId, directoryInode }: NestedSubvolume): Promise<void> {
  return withInode(fd, parentId, directoryInode, async (directoryFd) => {
    const args = Buffer.alloc(userLookup.bytes);
    args.writeBigUInt64LE(directoryInode, userLookup.directory);
    args.writeBigUInt64LE(BigInt(id), userLookup.treeId);
    await ioctl(directoryFd, BTRFS_IOC_INO_LOOKUP_USER, args);
    const name = args.subarray(userLookup.name, args.indexOf(0, userLookup.name));
    await deleteSubvolume(directoryFd, name);
  });
}

// Somebody else has removed it, or has moved it, and then the next pass finds it.
async function unlessGone(work: Promise<void>): Promise<void> {
  try {
    await work;
  } catch (error) {
    if (!isErrno(error, errno.ENOENT, errno.ESTALE)) throw error;
  }
}

/** Opens a directory by the number of its subvolume and its own. `fd` is anything in the same file system. */
async function withInode<T>(
  fd: number,
  treeId: number,
  inode: bigint,
  use: (fd: number) => Promise<T>,
): Promise<T> {
  // A handle as name_to_handle_at(2) would make it: struct file_handle and btrfs's own part. From Linux 6.2 on the
  // generation may be 0, for any.
  const FILEID_BTRFS_WITHOUT_PARENT = 0x4d;
  const handle = Buffer.alloc(28);
  handle.writeUInt32LE(20, 0);
  handle.writeInt32LE(FILEID_BTRFS_WITHOUT_PARENT, 4);
  handle.writeBigUInt64LE(inode, 8);
  handle.writeBigUInt64LE(BigInt(treeId), 16);
  handle.writeUInt32LE(Number(BigInt.asUintN(32, await generationOf(fd, treeId, inode))), 24);
  const subject = `inode ${inode} of subvolume ${treeId}`;
  const opened = await call(openByHandleAt, subject, fd, handle, OPEN_DIRECTORY | O_CLOEXEC);
  try {
    return await use(opened);
  } finally {
    closeSync(opened);
  }
}

/** In which transaction an inode was made. @throws KernelError ENOENT where there is none */
async function generationOf(fd: number, treeId: number, inode: bigint): Promise<bigint> {
  const INODE_ITEM = 1;
  const LAST_TRANSACTION = 2n ** 64n - 1n;
  const args = Buffer.alloc(treeSearch.bytes);
  args.writeBigUInt64LE(BigInt(treeId), treeSearch.treeId);
  args.writeBigUInt64LE(inode, treeSearch.leastInode);
  args.writeBigUInt64LE(inode, treeSearch.mostInode);
  args.writeBigUInt64LE(LAST_TRANSACTION, treeSearch.mostTransaction);
  args.writeUInt32LE(INODE_ITEM, treeSearch.leastType);
  args.writeUInt32LE(INODE_ITEM, treeSearch.mostType);
  args.writeUInt32LE(1, treeSearch.count);
  await ioctl(fd, BTRFS_IOC_TREE_SEARCH, args);
  if (args.readUInt32LE(treeSearch.count) === 0) {
    throw new KernelError('BTRFS_IOC_TREE_SEARCH', errno.ENOENT, `inode ${inode} of subvolume ${treeId}`);
  }
  return args.readBigUInt64LE(treeSearch.firstItem);
}
