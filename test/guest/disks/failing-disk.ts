import { execFileSync, spawnSync } from 'node:child_process';
import { closeSync, constants, mkdirSync, openSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { onTestFinished } from 'vitest';
import { withDescriptor } from '../../../src/kernel/calls/descriptor.ts';
import { extentsOf } from '../../../src/kernel/files/extents.ts';
import { unmount } from '../../../src/kernel/mounts/bind-mount.ts';
import { eventually } from '../../support/eventually.ts';
import { loopsBelow, mountsBelow, scratchDirectory } from '../../support/scratch.ts';
import { type TestNode, testNode } from '../../support/test-node.ts';
import {
  type MappedTarget,
  mapDevice,
  remapDevice,
  resumeDevice,
  sendMessage,
  suspendDevice,
  unmapDevice,
} from '../support/device-mapper.ts';
import { attachDisk, type DiskFormat, makeDisk, mountDisk } from '../support/disk-format.ts';

const DISK_BYTES = 512 * 1024 ** 2;
const BLOCK_BYTES = 4096;
// Down from the first second on.
const FLAKEY_INTERVALS = [0, 3600];
/** The status of e2fsck when nothing is wrong any more. */
const REPAIRED = 1;

/** What fails, with EIO: writes, or reads as well. */
export type Fault = 'writes' | 'everything';

/** A file system on a disk that can be made to fail, to hang, and to lose power. For one test. */
export class FailingDisk {
  readonly format: DiskFormat;
  private readonly name: string;
  private readonly backing: string;
  private readonly device: string;

  private constructor(format: DiskFormat, path: string) {
    this.format = format;
    this.name = basename(join(path, '..'));
    this.backing = attachDisk(path);
    this.device = mapDevice(this.name, DISK_BYTES, this.mapping('linear'));
    onTestFinished(() => unmapDevice(this.name));
  }

  static async make(format: DiskFormat): Promise<FailingDisk> {
    return new FailingDisk(format, await makeDisk(scratchDirectory(), format, DISK_BYTES));
  }

  /** Mounts it, for the caller to unmount before the test ends. */
  mountAt(path: string): Promise<void> {
    return mountDisk(this.device, this.format, path);
  }

  fail(fault: Fault): void {
    const mapping =
      fault === 'writes' ? this.mapping('flakey', ...FLAKEY_INTERVALS, 1, 'error_writes') : error;
    remapDevice(this.name, DISK_BYTES, mapping);
  }

  /** Makes the blocks of some files unreadable, until the fault ends; their content must be on the disk. */
  async loseBlocksOf(paths: readonly string[]): Promise<void> {
    const blocks = await Promise.all(paths.map(blocksOf));
    remapDevice(this.name, DISK_BYTES, this.mapping('dust', BLOCK_BYTES));
    for (const block of blocks.flat()) sendMessage(this.name, `addbadblock ${block}`);
    sendMessage(this.name, 'enable');
  }

  /** Ends a fault. The file system may have failed for good, until it is mounted again. */
  heal(): void {
    remapDevice(this.name, DISK_BYTES, this.mapping('linear'));
  }

  hang(): void {
    suspendDevice(this.name);
  }

  /** Ends a hang. */
  goOn(): void {
    resumeDevice(this.name);
  }

  /**
   * Unmounts it without anything more being written, with everything mounted below a directory.
   * @returns when it can be mounted again, with what was really written
   */
  async losePower(directory: string): Promise<void> {
    this.fail('everything');
    for (const path of (await mountsBelow(directory)).reverse()) await unmount(path);
    for (const { path } of loopsBelow(directory)) execFileSync('losetup', ['--detach', path]);
    await this.unused();
    this.heal();
  }

  /** Unmounts it, even while files in it are open. */
  detachFrom(path: string): void {
    execFileSync('umount', ['--lazy', path]);
  }

  /** Repairs the file system as an operator does, once nothing has it mounted. */
  async check(): Promise<void> {
    await this.unused();
    // The others replay their logs when they are mounted. Without -f, one that looks clean keeps its count of errors.
    if (this.format.fsType !== 'ext4') return;
    const { status, stdout } = spawnSync('e2fsck', ['-f', '-p', this.device], { encoding: 'utf8' });
    if (status !== 0 && status !== REPAIRED) throw new Error(`e2fsck: ${stdout}`);
  }

  /** Forgets the errors that a mounted btrfs has counted, as an operator does once the content is checked. */
  resetCounters(path: string): void {
    if (this.format.fsType === 'btrfs') execFileSync('btrfs', ['device', 'stats', '--reset', path]);
  }

  /** Resolves when nothing has it mounted. */
  private async unused(): Promise<void> {
    await eventually(() => closeSync(openSync(this.device, constants.O_RDONLY | constants.O_EXCL)));
  }

  private mapping(type: MappedTarget['type'], ...more: (string | number)[]): MappedTarget {
    return { type, parameters: [this.backing, 0, ...more] };
  }
}

/** A node whose pool is on such a disk, with a running driver. */
export async function nodeOnFailingDisk(format: DiskFormat): Promise<{ disk: FailingDisk; node: TestNode }> {
  const disk = await FailingDisk.make(format);
  const node = testNode();
  mkdirSync(node.pool);
  await disk.mountAt(node.pool);
  await node.start();
  return { disk, node };
}

const error: MappedTarget = { type: 'error', parameters: [] };

/** Whether a file system takes durable writes. */
export function takesWrites(path: string): boolean {
  const file = join(path, 'probe');
  try {
    writeFileSync(file, 'content', { flush: true });
    rmSync(file);
    return true;
  } catch {
    return false;
  }
}

/** The numbers of the blocks that a file has on its disk. */
async function blocksOf(path: string): Promise<number[]> {
  const range = { start: 0n, end: BigInt(statSync(path).size) };
  const { extents } = await withDescriptor(path, 'r', (fd) => extentsOf(fd, range));
  return extents.flatMap(({ start, end, address }) => {
    if (address === undefined) throw new Error(`unknown place of ${path} on its disk`);
    const first = Number(address) / BLOCK_BYTES;
    return Array.from({ length: Math.ceil(Number(end - start) / BLOCK_BYTES) }, (_, index) => first + index);
  });
}
