import { readFileSync } from 'node:fs';
import { errno, isErrno } from '../calls/errno.ts';
import { type IoctlRequest, ioctl } from '../calls/ioctl.ts';

const BTRFS_IOC_QGROUP_CREATE: IoctlRequest = { name: 'BTRFS_IOC_QGROUP_CREATE', number: 0x4010942a };
const BTRFS_IOC_QGROUP_LIMIT: IoctlRequest = { name: 'BTRFS_IOC_QGROUP_LIMIT', number: 0x8030942b };

const BTRFS_IOC_QUOTA_RESCAN_STATUS: IoctlRequest = {
  name: 'BTRFS_IOC_QUOTA_RESCAN_STATUS',
  number: 0x8040942d,
};

/** struct btrfs_ioctl_quota_rescan_args. */
const rescanArguments = { bytes: 64, flags: 0 } as const;
/** struct btrfs_ioctl_qgroup_limit_args, with struct btrfs_qgroup_limit in it. */
const qgroupLimit = { bytes: 48, id: 0, flags: 8, maxReferenced: 16 } as const;
/** struct btrfs_ioctl_qgroup_create_args. */
const qgroupCreate = { bytes: 16, create: 0, id: 8 } as const;
const BTRFS_QGROUP_LIMIT_MAX_RFER = 1n;
const CLEAR_LIMIT = 2n ** 64n - 1n;

/** How a file system accounts for its subvolumes' space. */
export type QuotaMode = 'off' | 'qgroup' | 'squota';

/** Whether a file system has quotas, and of which kind. */
export async function quotaMode(uuid: string): Promise<QuotaMode> {
  const mode = await readAttribute(uuid, 'mode');
  if (mode === 'qgroup' || mode === 'squota') return mode;
  if (mode !== undefined) return 'off';
  // Before Linux 6.7 there is one kind, whose directory exists while quotas are on. The top-level qgroup always exists.
  return (await readAttribute(uuid, '0_5/limit_flags')) === undefined ? 'off' : 'qgroup';
}

/** Whether the qgroups' usage is known to be wrong until a rescan completes. */
export async function areQgroupsInconsistent(uuid: string): Promise<boolean> {
  return (await readAttribute(uuid, 'inconsistent')) === '1';
}

/** Whether btrfs is recounting the usage of its subvolumes, for instance after quotas were enabled. */
export async function isRescanRunning(fd: number): Promise<boolean> {
  const args = Buffer.alloc(rescanArguments.bytes);
  await ioctl(fd, BTRFS_IOC_QUOTA_RESCAN_STATUS, args);
  return args.readBigUInt64LE(rescanArguments.flags) !== 0n;
}

/** The limit and usage of a subvolume. */
export interface Qgroup {
  /** The most data and metadata it may refer to; undefined means unlimited. */
  readonly limitBytes: bigint | undefined;
  /** As of the file system's last commit, up to half a minute ago. */
  readonly usedBytes: bigint;
  /** The part that no other subvolume refers to, as of the same commit: the space that removing this one frees. */
  readonly exclusiveBytes: bigint;
}

/** Limit and usage of a subvolume; undefined if it has no qgroup. */
export async function qgroupOf(uuid: string, id: number): Promise<Qgroup | undefined> {
  const [flags, limit, used, exclusive] = await Promise.all(
    ['limit_flags', 'max_referenced', 'referenced', 'exclusive'].map((name) =>
      readAttribute(uuid, `0_${id}/${name}`),
    ),
  );
  if (flags === undefined || limit === undefined || used === undefined || exclusive === undefined) {
    return undefined;
  }
  const hasLimit = (BigInt(flags) & BTRFS_QGROUP_LIMIT_MAX_RFER) !== 0n;
  return {
    limitBytes: hasLimit ? BigInt(limit) : undefined,
    usedBytes: BigInt(used),
    exclusiveBytes: BigInt(exclusive),
  };
}

// On this thread: sysfs answers from memory, and another thread would cost ten times as much.
async function readAttribute(uuid: string, name: string): Promise<string | undefined> {
  try {
    return readFileSync(`/sys/fs/btrfs/${uuid}/qgroups/${name}`, 'utf8').trim();
  } catch (error) {
    // ENODEV: it was removed between opening and reading.
    if (isErrno(error, errno.ENOENT, errno.ENODEV)) return undefined;
    throw error;
  }
}

/**
 * Limits the space that a subvolume may refer to, shared or not; undefined removes the limit.
 * @throws KernelError ENOTCONN if quotas are off, ENOENT if the subvolume has no qgroup
 */
export async function setQgroupLimit(fd: number, id: number, limitBytes: bigint | undefined): Promise<void> {
  const args = Buffer.alloc(qgroupLimit.bytes);
  args.writeBigUInt64LE(BigInt(id), qgroupLimit.id);
  args.writeBigUInt64LE(BTRFS_QGROUP_LIMIT_MAX_RFER, qgroupLimit.flags);
  args.writeBigUInt64LE(limitBytes ?? CLEAR_LIMIT, qgroupLimit.maxReferenced);
  await ioctl(fd, BTRFS_IOC_QGROUP_LIMIT, args);
}

/**
 * Removes the qgroup of a removed subvolume; recent kernels do so themselves.
 * @returns false if it does not exist, quotas are off, or the subvolume is still being cleaned up
 */
export async function removeQgroup(fd: number, id: number): Promise<boolean> {
  const args = Buffer.alloc(qgroupCreate.bytes);
  args.writeBigUInt64LE(0n, qgroupCreate.create);
  args.writeBigUInt64LE(BigInt(id), qgroupCreate.id);
  try {
    await ioctl(fd, BTRFS_IOC_QGROUP_CREATE, args);
    return true;
  } catch (error) {
    if (isErrno(error, errno.ENOENT, errno.EBUSY, errno.ENOTCONN)) return false;
    throw error;
  }
}
