import { closeSync, openSync } from 'node:fs';
import { ioctlSync } from '../../src/kernel/calls/ioctl.ts';

/** XFS_IOC_GOINGDOWN and EXT4_IOC_SHUTDOWN are one request. */
const SHUTDOWN = { name: 'SHUTDOWN', number: 0x8004587d };
const WITHOUT_FLUSH = 2;

/** Makes the XFS or ext4 mounted at a path shut itself down, as after a disk error. */
export function shutDown(path: string): void {
  const fd = openSync(path, 'r');
  try {
    const flags = Buffer.alloc(4);
    flags.writeUInt32LE(WITHOUT_FLUSH);
    ioctlSync(fd, SHUTDOWN, flags);
  } finally {
    closeSync(fd);
  }
}
