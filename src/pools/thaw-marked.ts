import { constants } from 'node:fs';
import { join } from 'node:path';
import { withDescriptor } from '../kernel/descriptor.ts';
import { errno, isErrno } from '../kernel/errno.ts';
import { withSharedMount } from '../kernel/file-system-mount.ts';
import { findLoop } from '../kernel/find-loop.ts';
import { thaw } from '../kernel/freeze.ts';
import { readMountinfo } from '../kernel/mountinfo.ts';
import { below } from '../kernel/path-handle.ts';
import { fileSystemOn } from '../kernel/superblock.ts';
import type { Logger } from '../observability/logger.ts';
import type { DiskFreezeMarks } from '../records/freeze-marks.ts';
import type { PoolLayout } from '../records/pool-layout.ts';

/**
 * Thaws the file systems that a driver before this one froze and did not come to thaw. A mark stays until that is
 * known to be done.
 */
export async function thawMarked(layout: PoolLayout, marks: DiskFreezeMarks, logger: Logger): Promise<void> {
  for (const directoryName of await marks.marked()) {
    const image = join(layout.volumes, directoryName, 'image');
    try {
      const wasFrozen = await thawImage(image);
      logger.warn({ image, wasFrozen }, 'a file system that was left frozen is thawed');
      await marks.removeNamed(directoryName);
    } catch (err) {
      logger.error({ err, image }, 'a file system that was left frozen could not be thawed');
    }
  }
}

/** @returns false where nothing of the image is frozen, because it was thawed or is not mounted any more */
async function thawImage(image: string): Promise<boolean> {
  const loop = await withDescriptor(image, constants.O_RDONLY | constants.O_NOFOLLOW, findLoop).catch(
    unlessMissing,
  );
  if (!loop) return false;
  const mount = (await readMountinfo()).find(({ source }) => source === loop.path);
  if (mount) {
    const thawed = await withDescriptor(mount.path, 'r', thaw).catch(unlessMissing);
    if (thawed) return true;
  }
  // It may be mounted where only another mount namespace sees it; every mount of it is of the same file system.
  const fsType = await fileSystemOn(image);
  if (fsType === 'blank' || fsType === 'unknown') return false;
  const options = fsType === 'xfs' ? ['nouuid'] : [];
  const thawAs = (...more: string[]) =>
    withSharedMount({ device: loop.path, fsType, options: [...options, ...more], attrSet: 0 }, (rootFd) =>
      withDescriptor(below(rootFd), 'r', thaw),
    );
  // A mount is read-only as a whole where the others are.
  return thawAs().catch((error: unknown) => {
    if (isErrno(error, errno.EBUSY)) return thawAs('ro');
    throw error;
  });
}

function unlessMissing(error: unknown): undefined {
  if (!isErrno(error, errno.ENOENT)) throw error;
}
