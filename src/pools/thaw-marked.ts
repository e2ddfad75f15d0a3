import { constants } from 'node:fs';
import { join } from 'node:path';
import { withDescriptor } from '../kernel/calls/descriptor.ts';
import { errno, isErrno } from '../kernel/calls/errno.ts';
import { below, withPath } from '../kernel/calls/path-handle.ts';
import { findLoop } from '../kernel/devices/find-loop.ts';
import type { LoopDevice } from '../kernel/devices/loop-list.ts';
import { containerOn } from '../kernel/devices/open-container.ts';
import { fileSystemOn, isFileSystem } from '../kernel/file-systems/superblock.ts';
import { isUnclaimed, withSharedMount } from '../kernel/mounts/file-system-mount.ts';
import { thaw } from '../kernel/mounts/freeze.ts';
import { readMountinfo } from '../kernel/mounts/mountinfo.ts';
import { holdFileSystem } from '../mounts/open-file-system.ts';
import type { Logger } from '../observability/logger.ts';
import type { DiskFreezeMarks } from '../records/freeze-marks.ts';
import type { PoolLayout } from '../records/pool-layout.ts';

// If a FIFO is in place of the image, do not wait for it.
const OPEN_READ_ONLY = constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK;

/** The images of a pool that copies left marked as frozen, because the driver died or could not thaw them. */
export class MarkedImages {
  private readonly layout: PoolLayout;
  private readonly marks: DiskFreezeMarks;
  private readonly logger: Logger;

  constructor(layout: PoolLayout, marks: DiskFreezeMarks, logger: Logger) {
    this.layout = layout;
    this.marks = marks;
    this.logger = logger;
  }

  /** Thaws as many of them as it can. */
  async thawAll(): Promise<void> {
    for (const directoryName of await this.marks.marked()) await this.thaw(directoryName);
  }

  /**
   * Thaws the file system of the volume with this directory name, then removes the mark. The mark stays until nothing
   * can be frozen any more.
   * @returns whether nothing is frozen any more
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

/** @returns false if nothing of the image was frozen, because it was thawed already or is no longer mounted */
async function thawImage(image: string): Promise<boolean> {
  const loop = await withDescriptor(image, OPEN_READ_ONLY, findLoop).catch(undefinedIfMissing);
  if (!loop) return false;
  const device = containerOn(loop.path, image) ?? loop;
  return (await thawMounted(device)) ?? thawElsewhereMounted(device, device === loop ? image : device.path);
}

/** @returns whether it was frozen; undefined if this process sees no mount of it */
async function thawMounted(loop: LoopDevice): Promise<boolean | undefined> {
  for (const { source, path } of readMountinfo()) {
    if (source !== loop.path) continue;
    // A path that does not resolve is under another mount.
    const held = await withPath(path, (fd) => holdFileSystem(fd, loop)).catch(undefinedIfMissing);
    if (!held) continue;
    try {
      return await held.thaw();
    } finally {
      await held.release();
    }
  }
  return undefined;
}

/** The same if only another mount namespace has a mount of it: a new mount of the device has the same file system. */
async function thawElsewhereMounted(loop: LoopDevice, image: string): Promise<boolean> {
  // A frozen file system keeps its device claimed, even after its last unmount; an unmounted device must stay
  // unmounted.
  if (await isUnclaimed(loop.path)) return false;
  const fsType = await fileSystemOn(image);
  if (!isFileSystem(fsType)) {
    throw new Error(`${loop.path} is attached to ${image}, which has no known file system`);
  }
  const options = fsType === 'xfs' ? ['nouuid'] : [];
  const thawAs = (...more: string[]) =>
    withSharedMount({ device: loop.path, fsType, options: [...options, ...more], attrSet: 0 }, (rootFd) =>
      withDescriptor(below(rootFd), 'r', thaw),
    );
  // The mount must be read-only if the existing ones are.
  return thawAs().catch((error: unknown) => {
    if (isErrno(error, errno.EBUSY)) return thawAs('ro');
    throw error;
  });
}

function undefinedIfMissing(error: unknown): undefined {
  if (!isErrno(error, errno.ENOENT)) throw error;
}
