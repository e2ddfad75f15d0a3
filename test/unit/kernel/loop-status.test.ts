import { expect, test } from 'vitest';
import {
  decodeLoopStatus,
  encodeLoopConfig,
  LABEL_LIMIT_BYTES,
  LOOP_STATUS_BYTES,
  loopFlag,
  withLoopFlags,
  withLoopLabel,
} from '../../../src/kernel/devices/loop-status.ts';

function status(device: number, inode: bigint, flags: number): Buffer {
  const info = Buffer.alloc(LOOP_STATUS_BYTES);
  info.writeBigUInt64LE(BigInt(device), 0);
  info.writeBigUInt64LE(inode, 8);
  info.writeUInt32LE(flags, 52);
  return info;
}

test.each([
  [0x0000_0801, '8:1'],
  [0x0000_002f, '0:47'],
  [0x0010_0005, '0:261'],
  [0xfff0_fe7f, '254:1048447'],
])('the packed device %i is %s', (packed, device) => {
  expect(decodeLoopStatus(status(packed, 2n ** 60n, 4))).toEqual({
    backingDevice: device,
    backingInode: 2n ** 60n,
    flags: loopFlag.autoclear,
    label: '',
  });
});

test.each(['', 'a label', 'x'.repeat(LABEL_LIMIT_BYTES)])('a label is stored in the status: "%s"', (text) => {
  const longer = withLoopLabel(status(0x801, 12n, loopFlag.autoclear), 'y'.repeat(LABEL_LIMIT_BYTES));
  const info = withLoopLabel(longer, text);
  expect(decodeLoopStatus(info)).toEqual({
    backingDevice: '8:1',
    backingInode: 12n,
    flags: loopFlag.autoclear,
    label: text,
  });
});

test('a label that does not fit is refused', () => {
  const info = status(0x801, 12n, 0);
  expect(() => withLoopLabel(info, 'x'.repeat(LABEL_LIMIT_BYTES + 1))).toThrow('at most 63 bytes');
});

test('other flags leave the rest of a status unchanged', () => {
  const info = status(0x801, 12n, loopFlag.directIo);
  const changed = withLoopFlags(info, loopFlag.directIo | loopFlag.autoclear);
  expect(decodeLoopStatus(changed)).toMatchObject({ backingDevice: '8:1', backingInode: 12n, flags: 0x14 });
  expect(decodeLoopStatus(info).flags).toBe(loopFlag.directIo);
});

test('a configuration has the file, the sector size and the flags, and nothing else', () => {
  const config = encodeLoopConfig(17, 512, loopFlag.autoclear);
  expect(config.length).toBe(304);
  expect([config.readUInt32LE(0), config.readUInt32LE(4), config.readUInt32LE(60)]).toEqual([17, 512, 4]);
  expect(config.filter((byte) => byte !== 0)).toHaveLength(3);
});
