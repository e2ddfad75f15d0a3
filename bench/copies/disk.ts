import { closeSync, mkdirSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { syncFileSystem, withDescriptor } from '../../src/kernel/calls/descriptor.ts';
import { type IoctlRequest, ioctl } from '../../src/kernel/calls/ioctl.ts';
import { withPath } from '../../src/kernel/calls/path-handle.ts';
import { fileSystemOf } from '../../src/kernel/calls/statfs.ts';
import { attachLoop } from '../../src/kernel/devices/loop.ts';
import { makeSparse } from '../../src/kernel/files/sparse-file.ts';
import { mountFileSystem } from '../../src/kernel/mounts/file-system-mount.ts';
import { runProgram } from '../../src/kernel/process/program.ts';

const BTRFS_IOC_SYNC: IoctlRequest = { name: 'BTRFS_IOC_SYNC', number: 0x9408 };

const GIB = 1024n ** 3n;
const POLL_INTERVAL_MS = 5;
const REST_LIMIT_MS = 60_000;

// Large enough for what is promised to volumes; only what is written takes space. That of ext4 is not, because full
// copies would fill all of it in turn.
const kinds = {
  xfs: { title: 'XFS', bytes: 96n * GIB, mkfs: ['mkfs.xfs', '-q', '-m', 'reflink=1'] },
  btrfs: { title: 'btrfs', bytes: 48n * GIB, mkfs: ['mkfs.btrfs', '--quiet', '--nodiscard'] },
  ext4: { title: 'ext4', bytes: 4n * GIB, mkfs: ['mkfs.ext4', '-q', '-F', '-E', 'nodiscard'] },
} as const;

/** A kind of file system that is measured. */
export type DiskKind = keyof typeof kinds;

export const diskKinds = Object.keys(kinds) as DiskKind[];

/**
 * A file system of its own in a file, mounted, with a directory for a pool. The mount and its loop device go with the mount
 * namespace.
 */
export class Disk {
  readonly kind: DiskKind;
  /** Where it is mounted. */
  readonly root: string;
  /** The directory of the pool. */
  readonly path: string;
  private inodesAtRest = 0n;

  private constructor(kind: DiskKind, root: string) {
    this.kind = kind;
    this.root = root;
    this.path = join(root, 'pool');
    mkdirSync(this.path);
  }

  static async make(kind: DiskKind, directory: string): Promise<Disk> {
    const file = join(directory, `${kind}.disk`);
    const root = join(directory, kind);
    const { bytes, mkfs } = kinds[kind];
    const [program, ...words] = mkfs;
    await makeSparse(file, bytes);
    await runProgram(program, [...words, file]);
    mkdirSync(root);
    await mountFile(file, kind, root);
    if (kind === 'btrfs') await runProgram('btrfs', ['quota', 'enable', root]);
    return new Disk(kind, root);
  }

  /** Remembers what it holds now, and comes back to when what is made from here on is removed. */
  async noteRest(): Promise<void> {
    await this.sync();
    this.inodesAtRest = await this.usedInodes();
  }

  /**
   * Waits until nothing is left of what was removed, and everything else is on the disk: the driver removes content
   * in the background, and so do XFS and btrfs.
   */
  async rest(): Promise<void> {
    const startedAt = performance.now();
    while (!(await this.isAtRest())) {
      if (performance.now() - startedAt > REST_LIMIT_MS) {
        throw new Error(`what was deleted on ${this.kind} is not gone after ${REST_LIMIT_MS} ms`);
      }
      await setTimeout(POLL_INTERVAL_MS);
    }
    await this.sync();
  }

  private async isAtRest(): Promise<boolean> {
    if (readdirSync(join(this.path, '.outgoing')).length > 0) return false;
    if (this.kind !== 'btrfs') return (await this.usedInodes()) <= this.inodesAtRest;
    // Makes it go on with the subvolumes that are deleted and not gone, at once.
    await withDescriptor(this.path, 'r', (fd) => ioctl(fd, BTRFS_IOC_SYNC, 0));
    const { stdout } = await runProgram('btrfs', ['subvolume', 'list', '-d', this.path]);
    return stdout.trim() === '';
  }

  /** XFS still counts an inode that is removed and whose blocks are not free yet; btrfs counts none. */
  private async usedInodes(): Promise<bigint> {
    const { totalInodes, freeInodes } = await withDescriptor(this.path, 'r', fileSystemOf);
    return totalInodes - freeInodes;
  }

  get title(): string {
    return kinds[this.kind].title;
  }

  private async sync(): Promise<void> {
    await withDescriptor(this.path, 'r', syncFileSystem);
  }
}

async function mountFile(file: string, fsType: DiskKind, path: string): Promise<void> {
  await withDescriptor(file, 'r+', async (fileFd) => {
    const { device, fd } = await attachLoop(fileFd, { autoclear: true });
    try {
      const spec = { device: device.path, fsType, options: [], attrSet: 0 };
      await withPath(path, (targetFd) => mountFileSystem(spec, targetFd));
    } finally {
      closeSync(fd);
    }
  });
}
