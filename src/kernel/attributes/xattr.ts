import { entryName } from '../calls/entry-name.ts';
import { errno, isErrno } from '../calls/errno.ts';
import { type Call, callSync, libraryCall } from '../calls/libc.ts';
import { below } from '../calls/path-handle.ts';

/** A call for files open for reading or writing, and the same by path: the first refuses a handle (O_PATH). */
interface XattrCall {
  readonly byDescriptor: Call;
  readonly byPath: Call;
}

const list = xattrCall('listxattr', ['void *', 'size_t']);
const get = xattrCall('getxattr', ['void *', 'void *', 'size_t']);
const set = xattrCall('setxattr', ['void *', 'void *', 'size_t', 'int']);

// The limit for lists and values; most are much shorter.
const MAX_BYTES = 65_536;
const USUAL_BYTES = 1024;
const nothing = Buffer.alloc(0);

function xattrCall(name: string, parameters: string[]): XattrCall {
  return {
    byDescriptor: libraryCall(`f${name}`, ['int', ...parameters]),
    byPath: libraryCall(name, ['str', ...parameters]),
  };
}

// All of these block their thread. The file may be a handle, also of a symbolic link itself.

/** The names of an open file's extended attributes. */
export function listXattrs(fd: number): Buffer[] {
  // Most files have none; no buffer is allocated for them.
  if (onFile(list, fd, nothing, 0) === 0) return [];
  return splitAtZeros(readIntoBuffer((buffer) => onFile(list, fd, buffer, buffer.length)));
}

function splitAtZeros(names: Buffer): Buffer[] {
  const split: Buffer[] = [];
  let start = 0;
  for (let end = names.indexOf(0); end !== -1; end = names.indexOf(0, start)) {
    split.push(names.subarray(start, end));
    start = end + 1;
  }
  return split;
}

/** The value of an extended attribute; undefined if the file does not have it. */
export function getXattr(fd: number, name: Buffer): Buffer | undefined {
  try {
    return readIntoBuffer((buffer) => onFile(get, fd, entryName(name), buffer, buffer.length));
  } catch (error) {
    if (isErrno(error, errno.ENODATA)) return undefined;
    throw error;
  }
}

/**
 * Sets an extended attribute of an open file.
 * @throws KernelError EOPNOTSUPP if the file system does not support it, EPERM, ENOSPC, EDQUOT
 */
export function setXattr(fd: number, name: Buffer, value: Buffer): void {
  onFile(set, fd, entryName(name), value, value.length, 0);
}

function onFile({ byDescriptor, byPath }: XattrCall, fd: number, ...args: (Buffer | number)[]): number {
  try {
    return callSync(byDescriptor, fd, fd, ...args);
  } catch (error) {
    if (!isErrno(error, errno.EBADF)) throw error;
    const path = below(fd);
    return callSync(byPath, path, path, ...args);
  }
}

function readIntoBuffer(read: (buffer: Buffer) => number): Buffer {
  const buffer = Buffer.alloc(USUAL_BYTES);
  try {
    return buffer.subarray(0, read(buffer));
  } catch (error) {
    if (!isErrno(error, errno.ERANGE)) throw error;
    const large = Buffer.alloc(MAX_BYTES);
    return large.subarray(0, read(large));
  }
}
