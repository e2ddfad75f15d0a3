import { call, libraryCall, numberedCall } from '../calls/libc.ts';

// By number, because older C libraries have it under another name.
const mknodat = numberedCall('mknodat', process.arch === 'arm64' ? 33 : 259, [
  'int',
  'void *',
  'uint',
  'uint',
]);
const readlinkat = libraryCall('readlinkat', ['int', 'str', 'void *', 'size_t']);

const PATH_MAX = 4096;

/**
 * Makes a fifo, a socket or a device node below an open directory.
 * @param mode the kind of file and its permissions, as in stat(2)
 * @param device the number of a device as in stat(2)
 * @throws KernelError EEXIST, EPERM for a device where this process may make none
 */
export async function makeNode(parentFd: number, name: Buffer, mode: number, device: bigint): Promise<void> {
  const terminated = Buffer.concat([name, Buffer.alloc(1)]);
  await call(mknodat, name.toString(), parentFd, terminated, mode, Number(device));
}

/** What a symbolic link says, which is any bytes. `fd` is a handle (O_PATH) of the link itself. */
export async function linkText(fd: number): Promise<Buffer> {
  const buffer = Buffer.alloc(PATH_MAX);
  return buffer.subarray(0, await call(readlinkat, `descriptor ${fd}`, fd, '', buffer, buffer.length));
}
