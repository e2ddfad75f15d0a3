import { withPath } from '../kernel/calls/path-handle.ts';
import { fileSystemOf } from '../kernel/calls/statfs.ts';
import type { Usage } from '../model/ports/file-systems-port.ts';
import type { VolumeUsage } from '../model/ports/ports.ts';
import { min } from '../units/bigint.ts';

/** A limit and the amount used of it. */
export interface LimitedAmount {
  readonly limit: bigint;
  readonly used: bigint;
}

/**
 * The space of a volume with enforced limits: the remainder of the limits, or less if its disk has less.
 * @param directory on the same disk, outside the limits
 */
export async function limitedUsage(
  directory: string,
  bytes: LimitedAmount,
  inodes: LimitedAmount | undefined,
): Promise<VolumeUsage> {
  const { availableBytes, freeInodes } = await withPath(directory, fileSystemOf);
  return {
    bytes: toUsage(bytes, availableBytes),
    inodes: inodes && toUsage(inodes, freeInodes),
  };
}

function toUsage({ limit, used }: LimitedAmount, availableOnDisk: bigint): Usage {
  const left = limit > used ? limit - used : 0n;
  return { total: limit, used, available: min(left, availableOnDisk) };
}
