import { fstatSync } from 'node:fs';
import { readAt, withDescriptor } from '../calls/descriptor.ts';
import { isBlank } from '../files/sparse-file.ts';

/** The file systems that an image can hold. */
export type ImageFileSystem = 'ext4' | 'xfs' | 'btrfs';

const magics: readonly { fsType: ImageFileSystem; offset: number; bytes: Buffer }[] = [
  { fsType: 'ext4', offset: 1080, bytes: Buffer.from([0x53, 0xef]) },
  { fsType: 'xfs', offset: 0, bytes: Buffer.from('XFSB') },
  { fsType: 'btrfs', offset: 0x10040, bytes: Buffer.from('_BHRfS_M') },
];

/**
 * The file system on a file or block device, given by path or descriptor. `blank` is a file that was never written; a
 * block device cannot show that.
 */
export function fileSystemOn(image: string | number): Promise<ImageFileSystem | 'unknown' | 'blank'> {
  return typeof image === 'number' ? recognise(image) : withDescriptor(image, 'r', recognise);
}

async function recognise(fd: number): Promise<ImageFileSystem | 'unknown' | 'blank'> {
  if (fstatSync(fd).isFile() && (await isBlank(fd))) return 'blank';
  for (const { fsType, offset, bytes } of magics) {
    if ((await readAt(fd, offset, bytes.length)).equals(bytes)) return fsType;
  }
  return 'unknown';
}
