import { closeSync, openSync } from 'node:fs';
import { ioctlSync } from '../../../src/kernel/calls/ioctl.ts';

const SECTOR_BYTES = 512;
// struct dm_ioctl and struct dm_target_spec of linux/dm-ioctl.h.
const HEADER_BYTES = 312;
const TARGET_BYTES = 40;
const at = { size: 12, dataStart: 16, targetCount: 20, flags: 28, device: 40, name: 48 } as const;
const target = { sectors: 8, type: 24 } as const;
const VERSION = 4;
const commands = { create: 3, remove: 4, suspend: 6, load: 9, message: 14 } as const;
/** A suspend without the first is a resume. The second leaves the file system alone, as the fault of a disk does. */
const flag = { suspend: 2, skipLockFs: 1024 } as const;

/** How a mapped device is mapped, and to what. */
export interface MappedTarget {
  readonly type: 'linear' | 'error' | 'flakey' | 'dust' | 'log-writes' | 'snapshot';
  readonly parameters: readonly (string | number)[];
}

/** Makes a mapped device. @returns its path */
export function mapDevice(name: string, sizeBytes: number, mapping: MappedTarget): string {
  const device = request('create', name).readBigUInt64LE(at.device);
  try {
    remapDevice(name, sizeBytes, mapping);
  } catch (error) {
    unmapDevice(name);
    throw error;
  }
  // The low byte of the minor number, which is enough for the few devices of a test.
  return `/dev/dm-${device & 0xffn}`;
}

/** Maps a device in another way, once what is being written to it is written. It may be mounted. */
export function remapDevice(name: string, sizeBytes: number, { type, parameters }: MappedTarget): void {
  const spec = Buffer.alloc(TARGET_BYTES);
  spec.writeBigUInt64LE(BigInt(sizeBytes / SECTOR_BYTES), target.sectors);
  spec.write(type, target.type);
  request('load', name, Buffer.concat([spec, text(parameters.join(' '))]));
  resumeDevice(name);
}

/** Makes everything wait that reads from a device, or writes to it, until it is resumed. */
export function suspendDevice(name: string): void {
  request('suspend', name, undefined, flag.suspend | flag.skipLockFs);
}

export function resumeDevice(name: string): void {
  request('suspend', name, undefined, flag.skipLockFs);
}

/** Sends a message to the target of a mapped device. */
export function sendMessage(name: string, message: string): void {
  // A sector of the target comes first.
  request('message', name, Buffer.concat([Buffer.alloc(8), text(message)]));
}

/** Removes a mapped device, once nothing has it open. */
export function unmapDevice(name: string): void {
  request('remove', name);
}

function request(command: keyof typeof commands, name: string, data = Buffer.alloc(0), flags = 0): Buffer {
  const argument = Buffer.concat([Buffer.alloc(HEADER_BYTES), data]);
  argument.writeUInt32LE(VERSION, 0);
  argument.writeUInt32LE(argument.length, at.size);
  argument.writeUInt32LE(HEADER_BYTES, at.dataStart);
  argument.writeUInt32LE(command === 'load' ? 1 : 0, at.targetCount);
  argument.writeUInt32LE(flags, at.flags);
  argument.write(name, at.name);
  const fd = openSync('/dev/mapper/control', 'r+');
  try {
    ioctlSync(fd, { name: `DM ${command}`, number: 0xc138fd00 + commands[command] }, argument);
  } finally {
    closeSync(fd);
  }
  return argument;
}

/** A text as the kernel reads it: ended by a zero, and padded to what the next structure would need. */
function text(value: string): Buffer {
  const bytes = Buffer.from(`${value}\0`);
  return Buffer.concat([bytes, Buffer.alloc(-bytes.length & 7)]);
}
