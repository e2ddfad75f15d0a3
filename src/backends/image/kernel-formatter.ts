import { stat } from 'node:fs/promises';
import { dirname } from 'node:path';
import { blockDeviceBytes } from '../../kernel/block-device.ts';
import { fileSystemState } from '../../kernel/file-system-state.ts';
import { withPath } from '../../kernel/path-handle.ts';
import { fileSystemOf } from '../../kernel/statfs.ts';
import { fileSystemOn } from '../../kernel/superblock.ts';
import type { Device, FileSystemFault, ImageFormatter } from '../../volume/devices-port.ts';
import { VolumeError } from '../../volume/errors.ts';
import type { FileSystemType } from '../../volume/file-system-type.ts';
import type { RootOwnership } from '../../volume/volume.ts';
import { formatImage } from './format.ts';
import { availableFileSystems, minimumBytes } from './mkfs.ts';
import { prepareFileSystem } from './prepare-file-system.ts';

// More than any mkfs writes at first.
const ROOM_TO_FORMAT_BYTES = 128n * 1024n ** 2n;

/** The ImageFormatter port, by the mkfs programs that are installed. */
export class KernelFormatter implements ImageFormatter {
  readonly fileSystems = availableFileSystems();
  readonly minimumBytes = minimumBytes;

  inspect(file: string): Promise<FileSystemType | 'blank' | 'unknown'> {
    return fileSystemOn(file);
  }

  async format(path: string, fsType: FileSystemType, root: RootOwnership): Promise<void> {
    try {
      await formatImage({ path, fsType, root });
    } catch (error) {
      if (error instanceof VolumeError || !(await isFull(dirname(path)))) throw error;
      const message = `the volume's pool has no room left for the ${fsType} file system to be made`;
      throw new VolumeError('exhausted', message, { cause: error });
    }
  }

  async faultOf(path: string): Promise<FileSystemFault | undefined> {
    const state = await fileSystemState(path);
    if (!state) return undefined;
    const { fsType, sizeBytes: fileSystemBytes, errors } = state;
    const sizeBytes = await sizeOf(path);
    if (fileSystemBytes > sizeBytes) return { kind: 'cut off', fileSystemBytes, sizeBytes };
    return errors === undefined ? undefined : { kind: 'errors', fsType, errors };
  }

  prepare(image: string, device: Device, fsType: FileSystemType): Promise<void> {
    return prepareFileSystem(image, device.path, fsType);
  }
}

async function sizeOf(path: string): Promise<bigint> {
  const status = await stat(path, { bigint: true });
  return status.isBlockDevice() ? blockDeviceBytes(path) : status.size;
}

/** A program that has failed does not say why in a number; where there is little room, that is why. */
async function isFull(directory: string): Promise<boolean> {
  return (await withPath(directory, fileSystemOf)).availableBytes < ROOM_TO_FORMAT_BYTES;
}
