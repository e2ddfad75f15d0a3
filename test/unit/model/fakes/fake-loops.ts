import type { Device } from '../../../../src/model/ports/devices-port.ts';
import type { FakeFile, FakeImage } from './fake-tree.ts';
import { systemError } from './system-error.ts';

/** A file that is attached to a device. */
export interface FakeLoop extends Device {
  readonly file: string;
  readonly entry: FakeFile;
  readonly image: FakeImage;
  /** The size of the device, taken from its file at some time. */
  sizeBytes: bigint;
  isReadOnly: boolean;
  label: string;
  /** How many processes have it open. */
  userCount: number;
  /** Whether it is removed when it is no longer in use. */
  isTemporary: boolean;
}

/** The devices of a fake kernel, shared by its mounts and everything that attaches files. */
export class FakeLoops {
  all: FakeLoop[] = [];
  readonly isMounted: (loop: FakeLoop) => boolean;
  private lastNumber = 0;

  constructor(isMounted: (loop: FakeLoop) => boolean) {
    this.isMounted = isMounted;
  }

  find(entry: FakeFile): FakeLoop | undefined {
    return this.all.find((loop) => loop.entry === entry);
  }

  attach(file: string, entry: FakeFile): FakeLoop {
    if (!entry.image) throw systemError('EINVAL');
    const number = ++this.lastNumber;
    const loop: FakeLoop = {
      path: `/dev/loop${number}`,
      number: `7:${number}`,
      file,
      entry,
      image: entry.image,
      sizeBytes: entry.image.sizeBytes,
      isReadOnly: false,
      label: '',
      userCount: 0,
      isTemporary: false,
    };
    this.all.push(loop);
    return loop;
  }

  existing({ number }: Device): FakeLoop {
    const loop = this.all.find((each) => each.number === number);
    if (!loop) throw systemError('ENXIO');
    return loop;
  }

  isUsed(loop: FakeLoop): boolean {
    return loop.userCount > 0 || this.isMounted(loop);
  }

  releaseUnused(): void {
    this.all = this.all.filter((loop) => !loop.isTemporary || this.isUsed(loop));
  }

  /** Makes the file system on a device fill it. */
  growFileSystem(device: Device): void {
    const { image, sizeBytes } = this.existing(device);
    if (image.holds !== 'blank' && image.holds !== 'unknown') image.holds.sizeBytes = sizeBytes;
  }
}
