import { closeSync, constants } from 'node:fs';
import { libraryCall, tryCallSync } from './libc.ts';
import { statusOf } from './statx.ts';

const nameToHandle = libraryCall('name_to_handle_at', ['int', 'str', 'void *', 'void *', 'int']);
const openByHandle = libraryCall('open_by_handle_at', ['int', 'void *', 'int']);

const AT_EMPTY_PATH = 0x1000;
const O_PATH = 0o10000000;
const O_CLOEXEC = 0o2000000;
const HANDLE_BYTES = 128;

/**
 * Passes `use` an open directory as another mount of its file system shows it, even if it lies outside the tree of that mount. A
 * rename stays in one mount, and the directories of a container are often mounts of their own.
 * @param fd the directory, which may be a handle (O_PATH)
 * @param mountFd anything in the other mount, open for reading
 * @param use gets undefined if the two are on different file systems or subvolumes, or if this process may not: it needs
 *   CAP_DAC_READ_SEARCH on the host, and a file system with handles
 */
export async function withDirectoryThrough<T>(
  fd: number,
  mountFd: number,
  use: (fd: number | undefined) => Promise<T>,
): Promise<T> {
  const status = statusOf(fd);
  const { device, mountId } = statusOf(mountFd);
  // A handle says nothing of its file system: on another one it could be that of anything.
  if (status.device !== device) return use(undefined);
  if (status.mountId === mountId) return use(fd);
  const through = open(fd, mountFd);
  if (through === undefined) return use(undefined);
  try {
    const opened = statusOf(through);
    const isSame = opened.inode === status.inode && opened.device === device && opened.mountId === mountId;
    return await use(isSame ? through : undefined);
  } finally {
    closeSync(through);
  }
}

function open(fd: number, mountFd: number): number | undefined {
  const handle = Buffer.alloc(8 + HANDLE_BYTES);
  handle.writeUInt32LE(HANDLE_BYTES, 0);
  const mountId = Buffer.alloc(4);
  if (tryCallSync(nameToHandle, fd, '', handle, mountId, AT_EMPTY_PATH) < 0) return undefined;
  const flags = O_PATH | O_CLOEXEC | constants.O_DIRECTORY;
  const opened = tryCallSync(openByHandle, mountFd, handle, flags);
  return opened < 0 ? undefined : opened;
}
