import { randomBytes } from 'node:crypto';
import { constants, write } from 'node:fs';
import { promisify } from 'node:util';
import { readAt, syncDescriptor, withDescriptor } from '../calls/descriptor.ts';
import { BTRFS_SUPERBLOCK, decodeBtrfsSuperblock, withFsid } from './btrfs-superblock.ts';

const writeAsync = promisify(write);

const reasons = {
  damaged: 'its superblock is damaged',
  'unknown checksum': 'its checksum type is not crc32c',
} as const;

/** The file system in an image cannot be given another id; nothing in it has been changed. */
export class FileSystemIdError extends Error {
  /** The reason, with `its` for the file system. */
  readonly reason: string;

  constructor(imagePath: string, reason: string) {
    super(`cannot change the id of the btrfs in ${imagePath}: ${reason}`);
    this.name = 'FileSystemIdError';
    this.reason = reason;
  }
}

/**
 * Gives the btrfs in a copied image its own id, so that it can be mounted beside the original. Takes the same time for
 * any image size, since only the superblocks are written: the old id stays in the blocks, as the file system's
 * metadata_uuid (Linux 5.0). The copy may have been made while the original was being written: the log of the latest
 * syncs stays in place, whereas btrfstune, which does the same, leaves an image with such a log unmountable. The image
 * must be neither mounted nor attached. It is synced. May be repeated, also after a crash.
 * @throws FileSystemIdError
 */
export async function renewFileSystemId(imagePath: string): Promise<void> {
  await withDescriptor(imagePath, constants.O_RDWR | constants.O_NOFOLLOW, async (fd) => {
    const fsid = newUuid();
    const renewed = await renewedCopies(fd, imagePath, fsid);
    // The first superblock last, because the kernel uses it.
    for (const { offset, block } of renewed.reverse()) await writeAsync(fd, block, 0, block.length, offset);
    await syncDescriptor(fd);
  });
}

interface SuperblockCopy {
  readonly offset: number;
  readonly block: Buffer;
}

async function renewedCopies(fd: number, imagePath: string, fsid: Buffer): Promise<SuperblockCopy[]> {
  const copies: SuperblockCopy[] = [];
  let metadataUuid: Buffer | undefined;
  for (const offset of BTRFS_SUPERBLOCK.offsets) {
    const block = await readAt(fd, offset, BTRFS_SUPERBLOCK.bytes);
    const superblock = decodeBtrfsSuperblock(block, offset);
    if (typeof superblock === 'string') {
      if (metadataUuid === undefined) throw new FileSystemIdError(imagePath, reasons[superblock]);
      // Beyond the end of the image, or a copy that is not used while the first superblock is intact.
      continue;
    }
    metadataUuid ??= superblock.metadataUuid;
    if (!superblock.metadataUuid.equals(metadataUuid)) continue;
    copies.push({ offset, block: withFsid(block, superblock, fsid) });
  }
  return copies;
}

/** A random UUID, version 4. */
function newUuid(): Buffer {
  const uuid = randomBytes(16);
  uuid.writeUInt8((uuid.readUInt8(6) & 0x0f) | 0x40, 6);
  uuid.writeUInt8((uuid.readUInt8(8) & 0x3f) | 0x80, 8);
  return uuid;
}
