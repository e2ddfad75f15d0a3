import { type IoctlRequest, ioctl } from '../calls/ioctl.ts';

const FITRIM: IoctlRequest = { name: 'FITRIM', number: 0xc0185879 };
const RANGE_BYTES = 24;
const LENGTH_OFFSET = 8;
const WHOLE = 2n ** 64n - 1n;

/**
 * Tells the device of a file system which blocks hold no data.
 * @returns how many bytes those are; ext4 and XFS leave out what was told before and not used since
 * @throws KernelError EOPNOTSUPP if the device cannot use that
 */
export async function trim(fd: number): Promise<bigint> {
  const range = Buffer.alloc(RANGE_BYTES);
  range.writeBigUInt64LE(WHOLE, LENGTH_OFFSET);
  await ioctl(fd, FITRIM, range);
  return range.readBigUInt64LE(LENGTH_OFFSET);
}
