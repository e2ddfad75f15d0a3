import { hasCapability } from '../../kernel/capabilities.ts';
import { growUnmountedExt4, isExt4SmallerThanDevice } from '../../kernel/grow-file-system.ts';
import { fileSystemOn } from '../../kernel/superblock.ts';
import type { FileSystemType } from '../../volume/file-system-type.ts';
import type { Device, ImageFormatter } from '../../volume/ports.ts';
import type { RootOwnership } from '../../volume/volume.ts';
import { formatImage } from './format.ts';
import { availableFileSystems, minimumBytes } from './mkfs.ts';

/** The ImageFormatter port, by the mkfs programs that are installed. */
export class KernelFormatter implements ImageFormatter {
  readonly fileSystems = availableFileSystems();
  readonly minimumBytes = minimumBytes;

  inspect(file: string): Promise<FileSystemType | 'blank' | 'unknown'> {
    return fileSystemOn(file);
  }

  format(path: string, fsType: FileSystemType, root: RootOwnership): Promise<void> {
    return formatImage({ path, fsType, root });
  }

  async growUnmounted({ path }: Device, fsType: FileSystemType): Promise<void> {
    // All others, and ext4 with this capability, grow faster once they are mounted.
    if (fsType !== 'ext4' || (await hasCapability('SYS_RESOURCE'))) return;
    if (await isExt4SmallerThanDevice(path)) await growUnmountedExt4(path);
  }
}
