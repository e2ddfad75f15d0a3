import { call, callSync, libraryCall } from './libc.ts';

const withBuffer = libraryCall('ioctl', ['int', 'ulong', 'void *']);
const withNumber = libraryCall('ioctl', ['int', 'ulong', 'long']);

/** An ioctl(2) request: its name, for errors, and its number, the same on x64 and arm64. */
export interface IoctlRequest {
  readonly name: string;
  readonly number: number;
  /** See `Call`. */
  readonly isUrgent?: boolean;
}

/** Makes a request that does not wait for a device. `argument` is a number or a structure, read and written in place. */
export function ioctlSync(fd: number, { name, number }: IoctlRequest, argument: Buffer | number): number {
  return typeof argument === 'number'
    ? callSync({ ...withNumber, name }, fd, fd, number, argument)
    : callSync({ ...withBuffer, name }, fd, fd, number, argument);
}

/** Makes a request that may wait for a device, on another thread. */
export function ioctl(
  fd: number,
  { name, number, isUrgent = false }: IoctlRequest,
  argument: Buffer | number,
): Promise<number> {
  return typeof argument === 'number'
    ? call({ ...withNumber, name, isUrgent }, `descriptor ${fd}`, fd, number, argument)
    : call({ ...withBuffer, name, isUrgent }, `descriptor ${fd}`, fd, number, argument);
}
