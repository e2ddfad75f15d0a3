import { blockDeviceBytes } from '../../kernel/calls/block-device.ts';
import { withDescriptor } from '../../kernel/calls/descriptor.ts';
import { statusOf } from '../../kernel/calls/statx.ts';
import { findLoop } from '../../kernel/devices/find-loop.ts';
import { fileSystemState } from '../../kernel/file-systems/file-system-state.ts';
import { cutSparse } from '../../kernel/files/sparse-file.ts';

/**
 * Truncates an image if certainly nothing is lost: its device, if it has one, and its file system do not reach beyond the
 * new size, and nothing was ever written there.
 * @returns the resulting size in bytes
 */
export async function undoGrowth(path: string, bytes: bigint): Promise<bigint> {
  const sizeBytes = await withDescriptor(path, 'r', (fd) => statusOf(fd).sizeBytes);
  if (sizeBytes <= bytes) return sizeBytes;
  const device = await withDescriptor(path, 'r', findLoop);
  if (device && (await blockDeviceBytes(device.path)) > bytes) return sizeBytes;
  // If there is a device, its file system does not reach beyond the device.
  if (!device && ((await fileSystemState(path))?.sizeBytes ?? 0n) > bytes) return sizeBytes;
  return cutSparse(path, bytes);
}
