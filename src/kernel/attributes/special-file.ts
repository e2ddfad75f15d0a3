import { call, libraryCall, numberedCall } from '../calls/libc.ts';

// By number, because older C libraries use another name.
const mknodat = numberedCall('mknodat', process.arch === 'arm64' ? 33 : 259, [
  'int',
  'void *',
  'uint',
  'uint',
]);
const readlinkat = libraryCall('readlinkat', ['int', 'str', 'void *', 'size_t']);

const PATH_MAX = 4096;

/**
 * Makes a fifo, a socket or a device node in an open directory.
 * @param mode the file type and permissions, as in stat(2)
 * @param device the device number, as in stat(2)
 * @throws KernelError EEXIST, EPERM for a device if this process may not make one
 */
export async function makeNode(parentFd: number, name: Buffer, mode: number, device: bigint): Promise<void> {
  const terminated = Buffer.concat([name, Buffer.alloc(1)]);
  await call(mknodat, name.toString(), parentFd, terminated, mode, Number(device));
}

/** The target of a symbolic link, as bytes. `fd` is a handle (O_PATH) of the link itself. */
export async function linkText(fd: number): Promise<Buffer> {
  const buffer = Buffer.alloc(PATH_MAX);
  return buffer.subarray(0, await call(readlinkat, `descriptor ${fd}`, fd, '', buffer, buffer.length));
}
