/** Encodes a device number for mknod(2): the minor number surrounds the major number. */
export function encodeDevice(major: number, minor: number): bigint {
  const [low, high] = [minor & 0xff, minor & ~0xff];
  return (BigInt(high) << 12n) | BigInt((major << 8) | low);
}
