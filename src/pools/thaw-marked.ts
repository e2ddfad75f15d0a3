import { constants } from 'node:fs';
import { join } from 'node:path';
import { withDescriptor } from '../kernel/calls/descriptor.ts';
import { errno, isErrno } from '../kernel/calls/errno.ts';
import { below, withPath } from '../kernel/calls/path-handle.ts';
import { findLoop } from '../kernel/devices/find-loop.ts';
import type { LoopDevice } from '../kernel/devices/loop-list.ts';
import { fileSystemOn } from '../kernel/file-systems/superblock.ts';
import { isUnclaimed, withSharedMount } from '../kernel/mounts/file-system-mount.ts';
import { thaw } from '../kernel/mounts/freeze.ts';
import { readMountinfo } from '../kernel/mounts/mountinfo.ts';
import { holdFileSystem } from '../mounts/open-file-system.ts';
import type { Logger } from '../observability/logger.ts';
import type { DiskFreezeMarks } from '../records/freeze-marks.ts';
import type { PoolLayout } from '../records/pool-layout.ts';

// A FIFO in the place of an image is not waited for.
const LOOK_AT_IMAGE = constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK;

/** The images of a pool that copies have left marked as frozen, because the driver died or could not thaw them. */
export class MarkedImages {
  private readonly layout: PoolLayout;
  private readonly marks: DiskFreezeMarks;
  private readonly logger: Logger;

  constructor(layout: PoolLayout, marks: DiskFreezeMarks, logger: Logger) {
    this.layout = layout;
    this.marks = marks;
    this.logger = logger;
  }

  /** Thaws all of them that it can. */
  async thawAll(): Promise<void> {
    for (const directoryName of await this.marks.marked()) await this.thaw(directoryName);
  }

  /**
   * Thaws the file system of the volume in a directory of this name, then removes the mark. The mark stays until it is
   * certain that nothing is frozen.
   * @returns whether that is certain
   */
  async thaw(directoryName: string): Promise<boolean> {
    const image = join(this.layout.volumes, directoryName, 'image');
    try {
      const wasFrozen = await thawImage(image);
      this.logger.warn({ image, wasFrozen }, 'thawed a file system left frozen');
    } catch (err) {
      this.logger.error({ err, image }, 'cannot thaw a file system left frozen');
      return false;
    }
    try {
      await this.marks.removeNamed(directoryName);
    } catch (err) {
      this.logger.error({ err, image }, 'cannot remove the mark of a thawed file system; will retry');
    }
    return true;
  }
}

/** @returns false where nothing of the image is frozen, because it was thawed or is not mounted any more */
async function thawImage(image: string): Promise<boolean> {
  const loop = await withDescriptor(image, LOOK_AT_IMAGE, findLoop).catch(unlessMissing);
  if (!loop) return false;
  return (await thawMounted(loop)) ?? thawUnseen(loop, image);
}

/** @returns whether it was frozen; undefined where this process sees no mount of it */
async function thawMounted(loop: LoopDevice): Promise<boolean | undefined> {
  for (const { source, path } of await readMountinfo()) {
    if (source !== loop.path) continue;
    // A path that leads nowhere lies under another mount.
    const held = await withPath(path, (fd) => holdFileSystem(fd, loop)).catch(unlessMissing);
    if (!held) continue;
    try {
      return await held.thaw();
    } finally {
      await held.release();
    }
  }
  return undefined;
}

/** The same where only another mount namespace sees a mount: every mount of it is of the same file system. */
async function thawUnseen(loop: LoopDevice, image: string): Promise<boolean> {
  // What is frozen keeps its device claimed, also when its last mount is gone; and what is not mounted stays so.
  if (await isUnclaimed(loop.path)) return false;
  const fsType = await fileSystemOn(image);
  if (fsType === 'blank' || fsType === 'unknown') {
    throw new Error(`${loop.path} is attached to ${image}, where no file system is recognised`);
  }
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
