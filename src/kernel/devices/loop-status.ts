/** The structures of the loop driver's ioctls (linux/loop.h). */

/** LO_FLAGS_* bits. */
export const loopFlag = {
  readOnly: 0x01,
  /** The device detaches its file on the last close or unmount. */
  autoclear: 0x04,
  /** Bypasses the backing file's page cache, so that nothing is cached twice. */
  directIo: 0x10,
} as const;

/** Size of struct loop_info64. */
export const LOOP_STATUS_BYTES = 232;
const LOOP_CONFIG_BYTES = 304;
const FLAGS_OFFSET = 52;
/** lo_file_name: free text set when a file is attached; the kernel only stores it. */
const label = { offset: 56, bytes: 64 } as const;
/** The longest label, in bytes; a terminating zero follows. */
export const LABEL_LIMIT_BYTES = label.bytes - 1;

/** The status of an attached device, from LOOP_GET_STATUS64. */
export interface LoopStatus {
  /** The device of the backing file, `major:minor`, as in statx(2); on btrfs the subvolume's. */
  readonly backingDevice: string;
  readonly backingInode: bigint;
  readonly flags: number;
  readonly label: string;
}

export function decodeLoopStatus(info: Buffer): LoopStatus {
  return {
    backingDevice: decodeDevice(Number(info.readBigUInt64LE(0))),
    backingInode: info.readBigUInt64LE(8),
    flags: info.readUInt32LE(FLAGS_OFFSET),
    label: info.toString('utf8', label.offset, labelEnd(info)),
  };
}

/** A copy of a device's status with other flags, for LOOP_SET_STATUS64. */
export function withLoopFlags(info: Buffer, flags: number): Buffer {
  const changed = Buffer.from(info);
  changed.writeUInt32LE(flags, FLAGS_OFFSET);
  return changed;
}

function labelEnd(info: Buffer): number {
  const end = info.indexOf(0, label.offset);
  return end === -1 ? label.offset + label.bytes : Math.min(end, label.offset + label.bytes);
}

/** A copy of a device's status with another label, for LOOP_SET_STATUS64. */
export function withLoopLabel(info: Buffer, text: string): Buffer {
  const bytes = Buffer.from(text);
  if (bytes.length > LABEL_LIMIT_BYTES)
    throw new RangeError(`a label must have at most ${LABEL_LIMIT_BYTES} bytes`);
  const changed = Buffer.from(info);
  changed.fill(0, label.offset, label.offset + label.bytes);
  bytes.copy(changed, label.offset);
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

// The kernel splits the minor number around the major number: its low 8 bits in bits 0-7, the rest from bit 20 on.
function decodeDevice(packed: number): string {
  const major = (packed >>> 8) & 0xfff;
  const minor = (packed & 0xff) | ((packed >>> 12) & 0xfff00);
  return `${major}:${minor}`;
}
