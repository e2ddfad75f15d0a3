/** The structures of the loop driver's requests (linux/loop.h). */

/** LO_FLAGS_* bits. */
export const loopFlag = {
  readOnly: 0x01,
  /** The device lets its file go when nobody has it open or mounted any more. */
  autoclear: 0x04,
  /** The page cache of the file is bypassed, so that nothing is cached twice. */
  directIo: 0x10,
} as const;

/** Size of struct loop_info64. */
export const LOOP_STATUS_BYTES = 232;
const LOOP_CONFIG_BYTES = 304;
const FLAGS_OFFSET = 52;

/** What LOOP_GET_STATUS64 tells of an attached device. */
export interface LoopStatus {
  /** The device of the backing file, `major:minor`, as statx(2) shows it; on btrfs that of the subvolume. */
  readonly backingDevice: string;
  readonly backingInode: bigint;
  readonly flags: number;
}

export function decodeLoopStatus(info: Buffer): LoopStatus {
  return {
    backingDevice: decodeDevice(Number(info.readBigUInt64LE(0))),
    backingInode: info.readBigUInt64LE(8),
    flags: info.readUInt32LE(FLAGS_OFFSET),
  };
}

/** A copy of a device's status with other flags, to be given back with LOOP_SET_STATUS64. */
export function withLoopFlags(info: Buffer, flags: number): Buffer {
  const changed = Buffer.from(info);
  changed.writeUInt32LE(flags, FLAGS_OFFSET);
  return changed;
}

/** The struct loop_config that attaches a whole file. */
export function encodeLoopConfig(imageFd: number, sectorBytes: number, flags: number): Buffer {
  const config = Buffer.alloc(LOOP_CONFIG_BYTES);
  config.writeUInt32LE(imageFd, 0);
  config.writeUInt32LE(sectorBytes, 4);
  config.writeUInt32LE(flags, 8 + FLAGS_OFFSET);
  return config;
}

// The kernel packs the minor number around the major one: bits 0-7 and, above it, from bit 20 on.
function decodeDevice(packed: number): string {
  const major = (packed >>> 8) & 0xfff;
  const minor = (packed & 0xff) | ((packed >>> 12) & 0xfff00);
  return `${major}:${minor}`;
}
