import { execFileSync } from 'node:child_process';
import { chmodSync, statSync } from 'node:fs';
import { open } from 'node:fs/promises';
import { join } from 'node:path';
import { asUser } from './as-user.ts';

/** The node of a device as a container has it: made when the container starts, and there as long as it lives. */
export class PodDevice {
  readonly path: string;

  /** @param target where the volume is published */
  constructor(directory: string, name: string, target: string) {
    this.path = join(directory, name);
    const { rdev } = statSync(target);
    const minor = (rdev & 0xff) | ((rdev / 2 ** 12) & 0xfff00);
    execFileSync('mknod', [this.path, 'b', String((rdev >> 8) & 0xfff), String(minor)]);
    chmodSync(this.path, 0o666);
  }

  /** Asks the kernel to detach the device, by a user without privileges. */
  detach(): void {
    asUser('exec losetup --detach "$1"', this.path);
  }

  /** What can be read from the device, nothing where it is none any more. */
  async read(length: number): Promise<Buffer> {
    const data = Buffer.alloc(length);
    const handle = await open(this.path, 'r').catch(() => undefined);
    if (!handle) return Buffer.alloc(0);
    try {
      const { bytesRead } = await handle.read(data, 0, length, 0);
      return data.subarray(0, bytesRead);
    } catch {
      return Buffer.alloc(0);
    } finally {
      await handle.close();
    }
  }

  /** Writes to the device as far as it takes anything. */
  async write(data: Buffer): Promise<void> {
    const handle = await open(this.path, 'r+').catch(() => undefined);
    try {
      await handle?.write(data, 0, data.length, 0);
      await handle?.sync();
    } catch {
      // It has no file any more.
    } finally {
      await handle?.close();
    }
  }
}
