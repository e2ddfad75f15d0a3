import { execFileSync } from 'node:child_process';
import { closeSync, openSync } from 'node:fs';
import { expect } from 'vitest';
import { type IoctlRequest, ioctlSync } from '../../src/kernel/calls/ioctl.ts';
import { mountedImage } from './disk-image.ts';
import { eventually } from './eventually.ts';

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

/** Expects all subvolumes to be gone, along with their qgroups. */
export async function expectNoQgroups(pool: string): Promise<void> {
  const btrfsOutput = (...words: string[]) => execFileSync('btrfs', [...words, pool], { encoding: 'utf8' });
  expect(btrfsOutput('subvolume', 'list')).toBe('');
  // The kernel cleans up after a commit, which would otherwise come only after half a minute.
  btrfsOutput('filesystem', 'sync');
  btrfsOutput('subvolume', 'sync', '-s', '1');
  btrfsOutput('filesystem', 'sync');
  const qgroups = () => btrfsOutput('qgroup', 'show', '--raw').match(/^\d+\/\d+/gm);
  await eventually(() => expect(qgroups()).toEqual(['0/5']));
}
