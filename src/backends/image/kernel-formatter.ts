import { dirname } from 'node:path';
import { hasCapability } from '../../kernel/capabilities.ts';
import { growUnmountedExt4, isExt4SmallerThanDevice } from '../../kernel/grow-file-system.ts';
import { withPath } from '../../kernel/path-handle.ts';
import { fileSystemOf } from '../../kernel/statfs.ts';
import { fileSystemOn } from '../../kernel/superblock.ts';
import type { Device, ImageFormatter } from '../../volume/devices-port.ts';
import { VolumeError } from '../../volume/errors.ts';
import type { FileSystemType } from '../../volume/file-system-type.ts';
import type { RootOwnership } from '../../volume/volume.ts';
import { formatImage } from './format.ts';
import { availableFileSystems, minimumBytes } from './mkfs.ts';

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

  async growUnmounted({ path }: Device, fsType: FileSystemType): Promise<void> {
    // All others, and ext4 with this capability, grow faster once they are mounted.
    if (fsType !== 'ext4' || (await hasCapability('SYS_RESOURCE'))) return;
    if (await isExt4SmallerThanDevice(path)) await growUnmountedExt4(path);
  }
}

/** A program that has failed does not say why in a number; where there is little room, that is why. */
async function isFull(directory: string): Promise<boolean> {
  return (await withPath(directory, fileSystemOf)).availableBytes < ROOM_TO_FORMAT_BYTES;
}
