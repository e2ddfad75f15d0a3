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
/** struct btrfs_ioctl_search_args. The results follow it, each after a 32-byte header. */
const treeSearch = {
  bytes: 4096,
  treeId: 0,
  minInode: 8,
  maxInode: 16,
  maxTransaction: 48,
  minType: 56,
  maxType: 60,
  count: 64,
  firstItem: 136,
} as const;

const OPEN_DIRECTORY = constants.O_RDONLY | constants.O_DIRECTORY | constants.O_NOFOLLOW;
const O_CLOEXEC = 0o2000000;

// A process may still be making subvolumes in the tree being removed.
const PASS_LIMIT = 8;

/** A subvolume in a directory of another subvolume. */
export interface NestedSubvolume {
  readonly id: number;
  /** The id of the enclosing subvolume, and the directory in it. */
  readonly parentId: number;
  readonly directoryInode: bigint;
}

/** The subvolumes directly inside the subvolume of an open file or directory, in any of its directories. */
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

// If the results do not fit, the kernel fills the buffer and records in it where to continue.
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
 * Removes a subvolume and its nested subvolumes at any depth, including read-only ones. They are reached by id, not by
 * path, so that neither a symbolic link nor an overlong path gets in the way. A subvolume that does not exist counts as
 * removed.
 * @returns the ids of the removed subvolumes, whose qgroups may remain
 * @throws KernelError EINVAL if it is not a subvolume, EBUSY if something is mounted on one of them
 */
export async function removeSubvolumeTree(parentFd: number, name: string | Buffer): Promise<number[]> {
  const removed: number[] = [];
  for (let pass = 1; ; pass++) {
    try {
      const [top, ...nested] = await listTree(parentFd, name);
      // Each subvolume is listed after its enclosing one, so reversing removes the innermost first.
      for (const each of nested.reverse()) {
        await ignoreIfGone(removeNested(parentFd, each));
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
 * The id of the named subvolume, and all subvolumes in it. Makes those that contain others writable: no entry of a
 * read-only subvolume can be removed, not even another subvolume.
 */
async function listTree(parentFd: number, name: string | Buffer): Promise<[number, ...NestedSubvolume[]]> {
  return withDescriptor(below(parentFd, name), OPEN_DIRECTORY, async (fd) => {
    if (!(await isSubvolume(fd))) throw new KernelError('subvolume', errno.EINVAL, name.toString());
    const found = await nestedSubvolumes(fd);
    if (found.length > 0) await makeWritable(fd);
    // The list grows during the iteration.
    for (const { id } of found) {
      const addInner = async (nestedFd: number) => {
        const inner = await nestedSubvolumes(nestedFd);
        if (inner.length > 0) await makeWritable(nestedFd);
        found.push(...inner);
      };
      await ignoreIfGone(withInode(fd, id, ROOT_INODE, addInner));
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

// Another process removed it, or moved it; then the next pass finds it.
async function ignoreIfGone(work: Promise<void>): Promise<void> {
  try {
    await work;
  } catch (error) {
    if (!isErrno(error, errno.ENOENT, errno.ESTALE)) throw error;
  }
}

/** Opens a directory by its subvolume's id and its inode number. `fd` is any open file of the same file system. */
async function withInode<T>(
  fd: number,
  treeId: number,
  inode: bigint,
  use: (fd: number) => Promise<T>,
): Promise<T> {
  // A handle as from name_to_handle_at(2): struct file_handle and btrfs's own part. Since Linux 6.2, generation 0 matches
  // any.
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

/** The generation (transaction) in which an inode was made. @throws KernelError ENOENT if it does not exist */
async function generationOf(fd: number, treeId: number, inode: bigint): Promise<bigint> {
  const INODE_ITEM = 1;
  const LAST_TRANSACTION = 2n ** 64n - 1n;
  const args = Buffer.alloc(treeSearch.bytes);
  args.writeBigUInt64LE(BigInt(treeId), treeSearch.treeId);
  args.writeBigUInt64LE(inode, treeSearch.minInode);
  args.writeBigUInt64LE(inode, treeSearch.maxInode);
  args.writeBigUInt64LE(LAST_TRANSACTION, treeSearch.maxTransaction);
  args.writeUInt32LE(INODE_ITEM, treeSearch.minType);
  args.writeUInt32LE(INODE_ITEM, treeSearch.maxType);
  args.writeUInt32LE(1, treeSearch.count);
  await ioctl(fd, BTRFS_IOC_TREE_SEARCH, args);
  if (args.readUInt32LE(treeSearch.count) === 0) {
    throw new KernelError('BTRFS_IOC_TREE_SEARCH', errno.ENOENT, `inode ${inode} of subvolume ${treeId}`);
  }
  return args.readBigUInt64LE(treeSearch.firstItem);
}
