import { closeSync, openSync } from 'node:fs';
import { type IoctlRequest, ioctlSync } from '../../src/kernel/calls/ioctl.ts';
import { mountedImage } from './disk-image.ts';

const BTRFS_IOC_QUOTA_CTL: IoctlRequest = { name: 'BTRFS_IOC_QUOTA_CTL', number: 0xc0109428 };
const commands = { qgroup: 1n, squota: 4n } as const;

/** A new btrfs for one test, with quotas or without. @returns where it is mounted */
export function btrfs(quota: keyof typeof commands | 'off' = 'off', sizeBytes?: number): string {
  const mountPoint = mountedImage({ mkfs: ['mkfs.btrfs', '--quiet', '--nodiscard'], sizeBytes });
  if (quota !== 'off') enableQuota(mountPoint, quota);
  return mountPoint;
}

/** Enables the quotas of a btrfs. */
export function enableQuota(mountPoint: string, quota: keyof typeof commands): void {
  // The btrfs command of some distributions is too old for simple quotas.
  const args = Buffer.alloc(16);
  args.writeBigUInt64LE(commands[quota]);
  const fd = openSync(mountPoint, 'r');
  try {
    ioctlSync(fd, BTRFS_IOC_QUOTA_CTL, args);
  } finally {
    closeSync(fd);
  }
}
