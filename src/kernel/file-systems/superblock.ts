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
// With the version, which other programs write as well.
const LUKS2_MAGIC = Buffer.from([0x4c, 0x55, 0x4b, 0x53, 0xba, 0xbe, 0x00, 0x02]);

/** What is on an image: a file system, an encrypted container, nothing at all, or something else. */
export type ImageContents = ImageFileSystem | 'luks2' | 'blank' | 'unknown';

/** Whether what is on an image is a file system. */
export function isFileSystem(contents: ImageContents): contents is ImageFileSystem {
  return contents !== 'luks2' && contents !== 'blank' && contents !== 'unknown';
}

/**
 * What is on a file or block device, given by path or descriptor. `blank` is a file that was never written; a
 * block device cannot show that.
 */
export function fileSystemOn(image: string | number): Promise<ImageContents> {
  return typeof image === 'number' ? recognise(image) : withDescriptor(image, 'r', recognise);
}

async function recognise(fd: number): Promise<ImageContents> {
  if (fstatSync(fd).isFile() && (await isBlank(fd))) return 'blank';
  // Before the file systems: what lies under a container may look like one.
  if ((await readAt(fd, 0, LUKS2_MAGIC.length)).equals(LUKS2_MAGIC)) return 'luks2';
  for (const { fsType, offset, bytes } of magics) {
    if ((await readAt(fd, offset, bytes.length)).equals(bytes)) return fsType;
  }
  return 'unknown';
}
