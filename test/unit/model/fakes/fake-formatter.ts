import { VolumeError } from '../../../../src/model/errors.ts';
import type { FsckMode } from '../../../../src/model/objects/volume.ts';
import type {
  Device,
  FileSystemFault,
  ImageContents,
  ImageFormat,
  ImageFormatter,
} from '../../../../src/model/ports/devices-port.ts';
import { type FileSystemType, fileSystemTypes } from '../../../../src/model/requests/file-system-options.ts';
import type { FakeMounts } from './fake-mounts.ts';
import { type FakeFile, type FakeImage, makeDirectoryEntry } from './fake-tree.ts';
import { systemError } from './system-error.ts';

/** The ImageFormatter port in memory, on the files of fake mounts. */
export class FakeFormatter implements ImageFormatter {
  fileSystems: readonly FileSystemType[] = fileSystemTypes;
  readonly minimumGrownBytes = { ext4: 0n, xfs: 0n, btrfs: 256n };
  readonly minimumBytes = { ext4: 16n, xfs: 300n, btrfs: 109n };
  private readonly mounts: FakeMounts;

  constructor(mounts: FakeMounts) {
    this.mounts = mounts;
  }

  /** Why images cannot be encrypted. */
  obstacle: string | undefined;

  encryptionObstacle(): string | undefined {
    return this.obstacle;
  }

  async inspect(path: string): Promise<ImageContents> {
    const loop = this.mounts.loops.all.find((each) => each.path === path);
    const { holds, key } = loop?.image ?? this.imageAt(path).image;
    if (key && !loop) return 'luks2';
    return holds === 'blank' || holds === 'unknown' ? holds : holds.fsType;
  }

  async format(file: string, { fsType, root, key }: ImageFormat): Promise<void> {
    const { image, entry } = this.imageAt(file);
    if (image.holds !== 'blank') throw new VolumeError('precondition', `${file} is not blank`);
    if (this.mounts.loops.find(entry)) throw new VolumeError('precondition', `${file} is attached`);
    if (key) image.key = key;
    image.holds = fsType
      ? { fsType, root: makeDirectoryEntry(root), sizeBytes: image.sizeBytes, usedBytes: 0n }
      : 'unknown';
  }

  async faultOf(path: string): Promise<FileSystemFault | undefined> {
    const loop = this.mounts.loops.all.find((each) => each.path === path);
    const { sizeBytes, holds } = loop
      ? { ...loop.image, sizeBytes: loop.sizeBytes }
      : this.imageAt(path).image;
    if (holds === 'blank' || holds === 'unknown') return undefined;
    const { fsType, sizeBytes: fileSystemBytes, errors } = holds;
    if (fileSystemBytes > sizeBytes) return { kind: 'cut off', fileSystemBytes, sizeBytes };
    return errors && { kind: 'errors', fsType, errors: errors.what };
  }

  async mountRefusalReason(path: string): Promise<string | undefined> {
    const { holds } = this.imageAt(path).image;
    return holds === 'blank' || holds === 'unknown' ? undefined : holds.objection;
  }

  async prepare(image: string, device: Device, fsType: FileSystemType, mode?: FsckMode): Promise<void> {
    const loop = this.mounts.loops.existing(device);
    const { holds } = loop.image;
    const objection = await this.mountRefusalReason(image);
    if (objection !== undefined)
      throw new VolumeError('precondition', `${image} is not mounted: ${objection}`);
    if (this.mounts.loops.isMounted(loop) || holds === 'blank' || holds === 'unknown') return;
    if (holds.errors && mode !== 'never') {
      if (fsType !== 'ext4' || !holds.errors.isMendable)
        throw new VolumeError('precondition', `${image} has errors`);
      holds.errors = undefined;
    }
    if (fsType === 'ext4') this.mounts.loops.growFileSystem(device);
  }

  async allocate(image: string): Promise<void> {
    this.imageAt(image);
  }

  async checkDisk(image: string): Promise<void> {
    this.imageAt(image);
  }

  private imageAt(file: string): { entry: FakeFile; image: FakeImage } {
    const entry = this.mounts.entryAt(file);
    if (entry?.kind !== 'file' || !entry.image) throw systemError('ENOENT');
    return { entry, image: entry.image };
  }
}
