import { withDescriptor } from './descriptor.ts';
import { type IoctlRequest, ioctlSync } from './ioctl.ts';

const BLKROSET = { name: 'BLKROSET', number: 0x125d };
const BLKGETSIZE64 = { name: 'BLKGETSIZE64', number: 0x80081272 };

/** A block device: the path of its node, or an open file descriptor. */
export type BlockDevice = string | number;

/** The size of a block device. */
export function blockDeviceBytes(device: BlockDevice): Promise<bigint> {
  return queryDevice(device, BLKGETSIZE64, Buffer.alloc(8), (answer) => answer.readBigUInt64LE(0));
}

/** Makes a block device refuse writes through descriptors opened afterwards, or allows them again. */
export async function setBlockReadOnly(device: BlockDevice, readOnly: boolean): Promise<void> {
  const flag = Buffer.alloc(4);
  flag.writeInt32LE(readOnly ? 1 : 0);
  await queryDevice(device, BLKROSET, flag, () => {});
}

async function queryDevice<T>(
  device: BlockDevice,
  request: IoctlRequest,
  argument: Buffer,
  read: (answer: Buffer) => T,
): Promise<T> {
  const useOpen = (fd: number) => {
    ioctlSync(fd, request, argument);
    return read(argument);
  };
  return typeof device === 'number' ? useOpen(device) : withDescriptor(device, 'r', useOpen);
}
