import { entryName } from '../calls/entry-name.ts';
import { call, callSync, libraryCall, numberedCall } from '../calls/libc.ts';

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
  await call(mknodat, name.toString(), parentFd, entryName(name), mode, Number(device));
}

/** The target of a symbolic link, as bytes. `fd` is a handle (O_PATH) of the link itself. Blocks its thread. */
export function linkText(fd: number): Buffer {
  const buffer = Buffer.alloc(PATH_MAX);
  return buffer.subarray(0, callSync(readlinkat, fd, fd, '', buffer, buffer.length));
}
