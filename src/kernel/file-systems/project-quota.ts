import { fstatSync } from 'node:fs';
import {
  FS_XFLAG_PROJINHERIT,
  fsxattr,
  readAttributes,
  writeAttributes,
  writeAttributesSync,
} from '../attributes/file-attributes.ts';
import { errno, isErrno } from '../calls/errno.ts';
import { call, numberedCall } from '../calls/libc.ts';

// Since Linux 5.14. The older quotactl(2) needs the path of the block device, which a container may not have.
const quotactlFd = numberedCall('quotactl_fd', 443, ['uint', 'uint', 'uint', 'void *']);

// A command shifted by 8, plus the quota type PRJQUOTA.
const Q_XGETQUOTA = 0x580302;
const Q_XSETQLIM = 0x580402;
const Q_XGETQSTATV = 0x580802;

/** struct fs_disk_quota of linux/dqblk_xfs.h, which ext4 accepts as well. Space is in sectors. */
const diskQuota = {
  bytes: 112,
  version: 0,
  flags: 1,
  fieldMask: 2,
  id: 4,
  hardSectors: 8,
  softSectors: 16,
  hardInodes: 24,
  softInodes: 32,
  usedSectors: 40,
  usedInodes: 48,
} as const;
const FS_DQUOT_VERSION = 1;
const FS_PROJ_QUOTA = 2;
const ALL_FOUR_LIMITS = 0x0f;
const SECTOR_BYTES = 512n;

/** struct fs_quota_statv of linux/dqblk_xfs.h, with spare room. */
const quotaState = { bytes: 256, version: 0, flags: 2 } as const;
const FS_QSTATV_VERSION1 = 1;
const FS_QUOTA_PDQ_ENFD = 0x20;

/** The project that an open file or directory counts for. */
export interface ProjectMembership {
  /** 0 means no project. */
  readonly projectId: number;
  /** Whether new entries in the directory inherit its project. */
  readonly inherits: boolean;
}

/** The limits of a project; undefined means unlimited. */
export interface ProjectLimits {
  readonly limitBytes: bigint | undefined;
  readonly limitInodes: bigint | undefined;
}

/** The limits and usage of a project. */
export interface ProjectQuota extends ProjectLimits {
  readonly usedBytes: bigint;
  readonly usedInodes: bigint;
}

/**
 * The project of a file or directory open for reading (O_PATH is not enough).
 * @throws KernelError ENOTTY or EOPNOTSUPP if the file system has no projects
 */
export function projectOf(fd: number): ProjectMembership {
  const attributes = readAttributes(fd);
  return {
    projectId: attributes.readUInt32LE(fsxattr.projectId),
    inherits: (attributes.readUInt32LE(fsxattr.flags) & FS_XFLAG_PROJINHERIT) !== 0,
  };
}

/**
 * Gives a directory open for reading a project, which new entries in it inherit. Existing entries keep their
 * project.
 * @throws KernelError EOPNOTSUPP if the file system has no projects; on ext4 the directory may have changed all the
 *   same
 */
export async function setProject(fd: number, projectId: number): Promise<void> {
  await writeAttributes(fd, attributesIn(fd, projectId, true));
}

/**
 * Gives a file or directory open for reading a project; new entries in a directory inherit it. Blocks its thread.
 * @throws KernelError EDQUOT, ENOSPC: the project is full; EPERM: the file cannot be changed
 */
export function assignProject(fd: number, projectId: number): void {
  writeAttributesSync(fd, attributesIn(fd, projectId, fstatSync(fd).isDirectory()));
}

function attributesIn(fd: number, projectId: number, inherits: boolean): Buffer {
  const attributes = readAttributes(fd);
  const flags = attributes.readUInt32LE(fsxattr.flags);
  if (inherits) attributes.writeUInt32LE((flags | FS_XFLAG_PROJINHERIT) >>> 0, fsxattr.flags);
  attributes.writeUInt32LE(projectId, fsxattr.projectId);
  return attributes;
}

/**
 * Whether an open file's file system enforces project limits. The other calls may succeed even if it does not: ext4 and
 * XFS can count without enforcing.
 */
export async function isQuotaEnforced(fd: number): Promise<boolean> {
  const state = Buffer.alloc(quotaState.bytes);
  state.writeInt8(FS_QSTATV_VERSION1, quotaState.version);
  try {
    await call(quotactlFd, 'quota state', fd, Q_XGETQSTATV, 0, state);
  } catch (error) {
    if (isQuotaOff(error)) return false;
    throw error;
  }
  return (state.readUInt16LE(quotaState.flags) & FS_QUOTA_PDQ_ENFD) !== 0;
}

/**
 * Limits and usage of a project on an open file's file system. XFS frees removed files in the background, so that usage
 * reaches 0 some time later.
 * @returns undefined if the project has neither
 * @throws KernelError for which `isQuotaOff` holds if projects are not counted
 */
export async function quotaOf(fd: number, projectId: number): Promise<ProjectQuota | undefined> {
  const answer = Buffer.alloc(diskQuota.bytes);
  try {
    await call(quotactlFd, `project ${projectId}`, fd, Q_XGETQUOTA, projectId, answer);
  } catch (error) {
    // XFS reports an unknown project this way; ext4 returns zeros.
    if (isErrno(error, errno.ENOENT)) return undefined;
    throw error;
  }
  const quota = decode(answer);
  const isBlank = quota.usedBytes === 0n && quota.usedInodes === 0n && !hasLimits(quota);
  return isBlank ? undefined : quota;
}

function hasLimits({ limitBytes, limitInodes }: ProjectLimits): boolean {
  return limitBytes !== undefined || limitInodes !== undefined;
}

function decode(answer: Buffer): ProjectQuota {
  const hardSectors = answer.readBigUInt64LE(diskQuota.hardSectors);
  const hardInodes = answer.readBigUInt64LE(diskQuota.hardInodes);
  return {
    limitBytes: hardSectors === 0n ? undefined : hardSectors * SECTOR_BYTES,
    limitInodes: hardInodes === 0n ? undefined : hardInodes,
    usedBytes: answer.readBigUInt64LE(diskQuota.usedSectors) * SECTOR_BYTES,
    usedInodes: answer.readBigUInt64LE(diskQuota.usedInodes),
  };
}

/**
 * Sets both limits of a project, which apply from the next write on if limits are enforced at all. A limit in bytes is
 * rounded up to whole sectors, by XFS to whole blocks. A limit below the current usage only keeps the project from
 * growing.
 * @throws KernelError for which `isQuotaOff` holds if projects are not counted
 */
export async function setQuota(fd: number, projectId: number, limits: ProjectLimits): Promise<void> {
  const request = Buffer.alloc(diskQuota.bytes);
  request.writeInt8(FS_DQUOT_VERSION, diskQuota.version);
  request.writeInt8(FS_PROJ_QUOTA, diskQuota.flags);
  request.writeUInt16LE(ALL_FOUR_LIMITS, diskQuota.fieldMask);
  request.writeUInt32LE(projectId, diskQuota.id);
  // statfs(2) reports the soft limit, so it equals the hard limit.
  const sectors = (asLimit(limits.limitBytes) + SECTOR_BYTES - 1n) / SECTOR_BYTES;
  const inodes = asLimit(limits.limitInodes);
  request.writeBigUInt64LE(sectors, diskQuota.hardSectors);
  request.writeBigUInt64LE(sectors, diskQuota.softSectors);
  request.writeBigUInt64LE(inodes, diskQuota.hardInodes);
  request.writeBigUInt64LE(inodes, diskQuota.softInodes);
  await call(quotactlFd, `project ${projectId}`, fd, Q_XSETQLIM, projectId, request);
}

function asLimit(limit: bigint | undefined): bigint {
  // The kernel takes 0 as unlimited, which no caller that passes a limit means.
  if (limit !== undefined && limit <= 0n)
    throw new RangeError(`cannot set a limit of ${limit}; it must be positive`);
  return limit ?? 0n;
}

/** Removes the limits of a project. Once its usage is 0, the project no longer exists. */
export function clearQuota(fd: number, projectId: number): Promise<void> {
  return setQuota(fd, projectId, { limitBytes: undefined, limitInodes: undefined });
}

/**
 * Whether a call failed because projects are not even counted: ESRCH if the file system supports quotas but project
 * quota is off, ENOSYS if all quotas are off, or if the file system or the kernel does not support them.
 */
export function isQuotaOff(error: unknown): boolean {
  return isErrno(error, errno.ESRCH, errno.ENOSYS);
}
