import { errno, isErrno } from '../calls/errno.ts';
import { call, libraryCall } from '../calls/libc.ts';
import { below } from '../calls/path-handle.ts';

// By path, because the calls that take a descriptor refuse a handle (O_PATH).
const listxattr = libraryCall('listxattr', ['str', 'void *', 'size_t']);
const getxattr = libraryCall('getxattr', ['str', 'void *', 'void *', 'size_t']);
const setxattr = libraryCall('setxattr', ['str', 'void *', 'void *', 'size_t', 'int']);

// The limit for lists and values; most are much shorter.
const MAX_BYTES = 65_536;
const USUAL_BYTES = 1024;

/** The names of an open file's extended attributes. The file may be a handle, also of a symbolic link itself. */
export async function listXattrs(fd: number): Promise<Buffer[]> {
  const path = below(fd);
  // Most files have none; no buffer is allocated for them.
  if ((await call(listxattr, path, path, Buffer.alloc(0), 0)) === 0) return [];
  const list = await readIntoBuffer((buffer) => call(listxattr, path, path, buffer, buffer.length));
  return splitAtZeros(list);
}

function splitAtZeros(list: Buffer): Buffer[] {
  const names: Buffer[] = [];
  let start = 0;
  for (let end = list.indexOf(0); end !== -1; end = list.indexOf(0, start)) {
    names.push(list.subarray(start, end));
    start = end + 1;
  }
  return names;
}

/** The value of an extended attribute; undefined if the file does not have it. */
export async function getXattr(fd: number, name: Buffer): Promise<Buffer | undefined> {
  const path = below(fd);
  try {
    return await readIntoBuffer((buffer) =>
      call(getxattr, path, path, terminated(name), buffer, buffer.length),
    );
  } catch (error) {
    if (isErrno(error, errno.ENODATA)) return undefined;
    throw error;
  }
}

/**
 * Sets an extended attribute of an open file, which may be a handle.
 * @throws KernelError EOPNOTSUPP if the file system does not support it, EPERM, ENOSPC, EDQUOT
 */
export async function setXattr(fd: number, name: Buffer, value: Buffer): Promise<void> {
  const path = below(fd);
  await call(setxattr, `${name} of ${path}`, path, terminated(name), value, value.length, 0);
}

async function readIntoBuffer(read: (buffer: Buffer) => Promise<number>): Promise<Buffer> {
  const buffer = Buffer.alloc(USUAL_BYTES);
  try {
    return buffer.subarray(0, await read(buffer));
  } catch (error) {
    if (!isErrno(error, errno.ERANGE)) throw error;
    const large = Buffer.alloc(MAX_BYTES);
    return large.subarray(0, await read(large));
  }
}

function terminated(name: Buffer): Buffer {
  return Buffer.concat([name, Buffer.alloc(1)]);
}
