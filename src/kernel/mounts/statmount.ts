import { errno, KernelError } from '../calls/errno.ts';
import { numberedCall, tryCallSync } from '../calls/libc.ts';

// Both since Linux 6.8. They answer from memory and ask no file system, so they run on this thread.
const statmountCall = numberedCall('statmount', 457, ['void *', 'void *', 'size_t', 'uint']);
const listmountCall = numberedCall('listmount', 458, ['void *', 'void *', 'size_t', 'uint']);

const STATMOUNT_SB_BASIC = 1n;
const STATMOUNT_MNT_BASIC = 2n;
const STATMOUNT_MNT_ROOT = 8n;
const STATMOUNT_MNT_POINT = 16n;
/** In listmount(2), all mounts of this mount namespace. */
const LSMT_ROOT = 0xffff_ffff_ffff_ffffn;

/** struct mnt_id_req. */
const request = { bytes: 24, mountId: 8, mask: 16 } as const;
/** struct statmount. Its texts follow, each at an offset and with a zero at its end. */
const reply = {
  major: 16,
  minor: 20,
  superblockFlags: 32,
  attributes: 64,
  root: 104,
  path: 108,
  texts: 512,
} as const;

const ID_BYTES = 8;
const FIRST_TEXT_BYTES = 1024;
const MAX_TEXT_BYTES = 1024 ** 2;

export interface MountFlagBits {
  readonly superblockFlags: number;
  /** Bits of `mountAttr`. */
  readonly attributes: number;
}

/** Where a mount is, and what is mounted there. */
export interface MountPlace {
  /** The device of its file system, `major:minor`; on btrfs it differs from the one in statx(2). */
  readonly fileSystem: string;
  /** The directory in the file system that is the root of this mount. */
  readonly root: string;
  /** The mount point, as seen from this process. */
  readonly path: string;
}

/**
 * The flags of a mount and of its file system.
 * @param mountId an id that is never reused
 * @returns undefined if it is no longer mounted, before Linux 6.8, or if a sandbox refuses the call
 */
export function mountFlagsOf(mountId: bigint): MountFlagBits | undefined {
  const status = Buffer.alloc(reply.texts);
  if (statmount(mountId, STATMOUNT_SB_BASIC | STATMOUNT_MNT_BASIC, status) < 0) return undefined;
  return {
    superblockFlags: status.readUInt32LE(reply.superblockFlags),
    attributes: Number(status.readBigUInt64LE(reply.attributes)),
  };
}

/**
 * The place of a mount.
 * @param mountId one of `listMountIds`
 * @returns undefined if it is no longer mounted
 */
export function mountPlaceOf(mountId: number): MountPlace | undefined {
  const mask = STATMOUNT_SB_BASIC | STATMOUNT_MNT_ROOT | STATMOUNT_MNT_POINT;
  for (let textBytes = FIRST_TEXT_BYTES; ; textBytes *= 2) {
    const status = Buffer.allocUnsafe(reply.texts + textBytes);
    const result = statmount(BigInt(mountId), mask, status);
    if (result === -errno.EOVERFLOW && textBytes < MAX_TEXT_BYTES) continue;
    if (result === -errno.ENOENT) return undefined;
    if (result < 0) throw new KernelError(statmountCall.name, -result, `mount ${mountId}`);
    return {
      fileSystem: `${status.readUInt32LE(reply.major)}:${status.readUInt32LE(reply.minor)}`,
      root: textAt(status, reply.root),
      path: textAt(status, reply.path),
    };
  }
}

function textAt(status: Buffer, field: number): string {
  const start = reply.texts + status.readUInt32LE(field);
  return status.toString('utf8', start, status.indexOf(0, start));
}

function statmount(mountId: bigint, mask: bigint, status: Buffer): number {
  return tryCallSync(statmountCall, requestOf(mountId, mask), status, status.length, 0);
}

/**
 * The ids, never reused, of all mounts that this process sees, in ascending order. The kernel counts from 2^31, so that they
 * are whole numbers here for as long as any machine runs.
 * @param atOnce how many to make room for at first
 * @returns undefined before Linux 6.8, or if a sandbox refuses the call
 */
export function listMountIds(atOnce = 4096): number[] | undefined {
  let room = Buffer.alloc(atOnce * ID_BYTES);
  for (let bytes = 0; ; ) {
    const lastId = bytes === 0 ? 0n : room.readBigUInt64LE(bytes - ID_BYTES);
    const free = room.subarray(bytes);
    const listed = tryCallSync(listmountCall, requestOf(LSMT_ROOT, lastId), free, free.length / ID_BYTES, 0);
    if (listed < 0) return undefined;
    bytes += listed * ID_BYTES;
    if (bytes < room.length) return idsIn(room.subarray(0, bytes));
    room = Buffer.concat([room, Buffer.alloc(room.length)]);
  }
}

function idsIn(list: Buffer): number[] {
  const ids: number[] = [];
  for (let at = 0; at < list.length; at += ID_BYTES) {
    ids.push(list.readUInt32LE(at) + list.readUInt32LE(at + ID_BYTES / 2) * 2 ** 32);
  }
  return ids;
}

/** @param parameter the mask of statmount(2), or the id after which listmount(2) goes on */
function requestOf(mountId: bigint, parameter: bigint): Buffer {
  const wanted = Buffer.alloc(request.bytes);
  wanted.writeUInt32LE(request.bytes, 0);
  wanted.writeBigUInt64LE(mountId, request.mountId);
  wanted.writeBigUInt64LE(parameter, request.mask);
  return wanted;
}
