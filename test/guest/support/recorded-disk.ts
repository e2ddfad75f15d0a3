import { execFileSync } from 'node:child_process';
import { closeSync, fsyncSync, openSync, truncateSync, writeFileSync, writeSync } from 'node:fs';
import { basename, join } from 'node:path';
import { onTestFinished } from 'vitest';
import { scratchDirectory } from '../../support/scratch.ts';
import { mapDevice, sendMessage, unmapDevice } from './device-mapper.ts';
import { attachDisk, type DiskFormat, makeDisk, mountDisk } from './disk-format.ts';
import { type LoggedWrite, WriteLog } from './write-log.ts';

const MIB = 1024 ** 2;
const DISK_BYTES = 512 * MIB;
const LOG_BYTES = 8192 * MIB;
/** 4 KiB: how much of a replayed disk is copied when a part of it is written. */
const CHUNK_SECTORS = 8;

/** A new file system on a disk of its own, all writes to which are recorded. For one test. */
export class RecordedDisk {
  private readonly directory: string;
  private readonly name: string;
  private readonly format: DiskFormat;
  private readonly device: string;
  private isMapped = true;

  private constructor(directory: string, format: DiskFormat) {
    this.directory = directory;
    this.name = basename(directory);
    this.format = format;
    const parameters = [attachDisk(this.pathOf('disk')), attachDisk(this.newFile('log', LOG_BYTES))];
    this.device = mapDevice(this.name, DISK_BYTES, { type: 'log-writes', parameters });
    onTestFinished(() => this.unmap());
  }

  /** Makes the file system, and begins to record. */
  static async make(format: DiskFormat): Promise<RecordedDisk> {
    const directory = scratchDirectory();
    await makeDisk(directory, format, DISK_BYTES);
    execFileSync('cp', ['--sparse=always', 'disk', 'replayed'], { cwd: directory });
    return new RecordedDisk(directory, format);
  }

  /** Mounts it, for the caller to unmount before `finish`. */
  async mountAt(path: string): Promise<void> {
    await mountDisk(this.device, this.format, path);
  }

  /** Records that something has happened: one word. */
  mark(text: string): void {
    sendMessage(this.name, `mark ${text}`);
  }

  /** Ends the recording. @returns the disk as it was before, and the log */
  finish(): ReplayedDisk {
    this.unmap();
    const { name, format } = this;
    return new ReplayedDisk({
      name,
      format,
      disk: this.pathOf('replayed'),
      log: this.pathOf('log'),
      changes: this.newFile('changes', DISK_BYTES),
    });
  }

  private unmap(): void {
    if (this.isMapped) unmapDevice(this.name);
    this.isMapped = false;
  }

  private newFile(name: string, sizeBytes: number): string {
    const path = this.pathOf(name);
    writeFileSync(path, '');
    truncateSync(path, sizeBytes);
    return path;
  }

  private pathOf(name: string): string {
    return join(this.directory, name);
  }
}

interface ReplayedParts {
  readonly name: string;
  readonly format: DiskFormat;
  /** The disk as it was before the recording. */
  readonly disk: string;
  readonly log: string;
  /** Takes what is written while the replayed disk is mounted. */
  readonly changes: string;
}

/** The disk of a recording with the first of the recorded writes, or none. For one test. */
export class ReplayedDisk {
  readonly log: WriteLog;
  private readonly parts: ReplayedParts;
  private readonly fd: number;
  private readonly devices: { readonly disk: string; readonly changes: string };
  private replayedCount = 0;

  constructor(parts: ReplayedParts) {
    this.parts = parts;
    const logFd = openSync(parts.log, 'r');
    this.fd = openSync(parts.disk, 'r+');
    onTestFinished(() => [logFd, this.fd].forEach(closeSync));
    this.log = new WriteLog(logFd);
    this.devices = { disk: attachDisk(parts.disk), changes: attachDisk(parts.changes) };
  }

  /** Replays the log up to an entry: each time, as many entries as last time or more. */
  replay(entryCount: number): void {
    const entries = this.log.entries.slice(this.replayedCount, entryCount);
    for (const entry of entries) if (entry.kind === 'write') this.apply(this.fd, entry);
    this.replayedCount = entryCount;
  }

  /**
   * Mounts the disk as replayed so far. What is written to it then is forgotten with `reset`.
   * @param more writes to apply first, which are forgotten as well
   */
  async mountAt(path: string, more: readonly LoggedWrite[]): Promise<void> {
    const { name, format } = this.parts;
    const parameters = [this.devices.disk, this.devices.changes, 'N', CHUNK_SECTORS];
    const device = mapDevice(name, DISK_BYTES, { type: 'snapshot', parameters });
    try {
      if (more.length > 0) this.applyTo(device, more);
      await mountDisk(device, format, path);
    } catch (error) {
      unmapDevice(name);
      throw error;
    }
  }

  /** Makes it what it was before it was mounted; the caller has unmounted it. */
  reset(): void {
    unmapDevice(this.parts.name);
  }

  private applyTo(device: string, writes: readonly LoggedWrite[]): void {
    const fd = openSync(device, 'r+');
    try {
      for (const write of writes) this.apply(fd, write);
      fsyncSync(fd);
    } finally {
      closeSync(fd);
    }
  }

  private apply(fd: number, write: LoggedWrite): void {
    const data = this.log.dataOf(write);
    for (let done = 0; done < data.length; ) {
      done += writeSync(fd, data, done, data.length - done, write.diskOffset + done);
    }
  }
}
