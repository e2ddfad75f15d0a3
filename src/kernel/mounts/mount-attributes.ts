import { numberedCall, tryCallSync } from '../calls/libc.ts';
import { uniqueMountIdOf } from '../calls/statx.ts';
import { mountAttr } from './bind-mount.ts';

const statmount = numberedCall('statmount', 457, ['void *', 'void *', 'size_t', 'uint']);

const STATMOUNT_SB_BASIC = 1n;
const STATMOUNT_MNT_BASIC = 2n;
const SB_RDONLY = 1;

/** struct mnt_id_req. */
const request = { bytes: 24, mountId: 8, mask: 16 } as const;
/** struct statmount. */
const reply = { bytes: 512, superblockFlags: 32, attributes: 64 } as const;

/**
 * The attributes in force in the mount of an open file, as bits of `mountAttr`, read on this thread: unlike `fstatfs`, the kernel
 * asks no file system for them.
 * @returns undefined before Linux 6.8
 */
export function mountAttributesOf(fd: number): number | undefined {
  const mountId = uniqueMountIdOf(fd);
  if (mountId === undefined) return undefined;
  const wanted = Buffer.alloc(request.bytes);
  wanted.writeUInt32LE(request.bytes, 0);
  wanted.writeBigUInt64LE(mountId, request.mountId);
  wanted.writeBigUInt64LE(STATMOUNT_SB_BASIC | STATMOUNT_MNT_BASIC, request.mask);
  const status = Buffer.alloc(reply.bytes);
  const result = tryCallSync(statmount, wanted, status, status.length, 0);
  // Of an unmounted file, or refused by a sandbox.
  if (result < 0) return undefined;
  const isReadOnly = (status.readUInt32LE(reply.superblockFlags) & SB_RDONLY) !== 0;
  return Number(status.readBigUInt64LE(reply.attributes)) | (isReadOnly ? mountAttr.readOnly : 0);
}
