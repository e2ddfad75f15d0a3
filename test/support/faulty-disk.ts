import { execFileSync, spawnSync } from 'node:child_process';
import { closeSync, mkdirSync, openSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { ioctlSync } from '../../src/kernel/calls/ioctl.ts';
import { failFileSystem } from './fail-file-system.ts';
import { loopsBelow } from './scratch.ts';

const MIB = 1024 ** 2;
// ext4 and XFS have the same request. The flag: nothing more is written, not even the journal.
const SHUTDOWN = { name: 'EXT4_IOC_SHUTDOWN', number: 0x8004587d };
const NO_LOG_FLUSH = 2;

/** An ext4 on a loop device, which can be made to fail and be repaired by mounting it again. */
export class FaultyDisk {
  /** Where it is mounted. */
  readonly path: string;
  private readonly file: string;

  /** @param directory removed with all mounts in it after the test */
  constructor(directory: string, { inodes = 256, sizeBytes = 128 * MIB } = {}) {
    this.path = join(directory, 'disk');
    this.file = join(directory, 'disk.ext4');
    mkdirSync(this.path);
    writeFileSync(this.file, '');
    truncateSync(this.file, sizeBytes);
    execFileSync('mkfs.ext4', ['-q', '-m', '0', '-N', `${inodes}`, '-E', 'nodiscard', this.file]);
    this.mount();
  }

  mount(): void {
    execFileSync('mount', ['-o', 'loop', this.file, this.path]);
  }

  /** Unmounts it, even while it is in use. */
  unmount(): void {
    execFileSync('umount', ['--lazy', this.path]);
    for (const { path } of loopsBelow(this.path)) spawnSync('losetup', ['--detach', path]);
  }

  /** Takes all its blocks. */
  fill(): void {
    // Some are freed when their journal entries are written.
    for (const [count, bytes] of ['1M', '4k', '4k', '4k'].entries()) {
      const filler = join(this.path, `filler-${count}`);
      spawnSync('dd', ['if=/dev/zero', `of=${filler}`, `bs=${bytes}`, 'conv=fsync']);
      spawnSync('sync', ['--file-system', this.path]);
    }
  }

  /** Takes all its inodes. */
  fillInodes(): void {
    try {
      for (let count = 0; ; count++) writeFileSync(join(this.path, `filler-${count}`), '');
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ENOSPC') throw error;
    }
  }

  /** Removes the files of `fill` and `fillInodes`. */
  empty(): void {
    execFileSync('sh', ['-c', 'rm -f "$1"/filler-*', 'sh', this.path]);
  }

  /** From now on it takes no writes (EROFS). */
  makeReadOnly(): Promise<void> {
    return failFileSystem(this.path);
  }

  /** From now on everything that needs the disk fails (EIO). */
  shutDown(): void {
    shutDown(this.path);
  }
}

/** Makes the ext4 or XFS mounted at a path fail with EIO from now on. */
function shutDown(path: string): void {
  const flags = Buffer.alloc(4);
  flags.writeUInt32LE(NO_LOG_FLUSH);
  const fd = openSync(path, 'r');
  try {
    ioctlSync(fd, SHUTDOWN, flags);
  } finally {
    closeSync(fd);
  }
}
