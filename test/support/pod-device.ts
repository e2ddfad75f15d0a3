import { execFileSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { chmodSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { open } from 'node:fs/promises';
import { join } from 'node:path';
import { expect } from 'vitest';
import type { VolumeCapability } from '../../src/rpc/generated/csi/v1/VolumeCapability.ts';
import { asUser } from './as-user.ts';
import { blockDevice, fileSystem, image, imageFile } from './image-node.ts';
import type { Published, TestNode } from './test-node.ts';

const SIZE = 16 * 1024 ** 2;

/** The node of a device in a container: made when the container starts, and kept while it runs. */
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

  /** Asks the kernel to detach the device, as an unprivileged user. */
  detach(): void {
    asUser('exec losetup --detach "$1"', this.path);
  }

  /** The readable data of the device, empty if it no longer exists. */
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

  /** Writes to the device as far as it accepts data. */
  async write(data: Buffer): Promise<void> {
    const handle = await open(this.path, 'r+').catch(() => undefined);
    try {
      await handle?.write(data, 0, data.length, 0);
      await handle?.sync();
    } catch {
      // It no longer has a file.
    } finally {
      await handle?.close();
    }
  }
}

/** A volume in use by another pod. */
export interface Victim {
  readonly kind: string;
  readonly capability: VolumeCapability;
  /** The file that its user writes to. */
  fileAt(target: string): string;
}

export const blockVictim: Victim = {
  kind: 'a block volume',
  capability: blockDevice(),
  fileAt: (target) => target,
};
export const fileSystemVictim: Victim = {
  kind: 'a file system',
  capability: fileSystem('ext4'),
  fileAt: (target) => join(target, 'file'),
};
export const victims = [blockVictim, fileSystemVictim];

export function publishVictim(node: TestNode, { capability }: Victim, name = 'victim'): Promise<Published> {
  return node.createPublished(name, capability, image(SIZE));
}

/** Expects that a pod neither reads nor writes the data of a volume. */
export async function expectApart(
  pod: PodDevice,
  node: TestNode,
  { target_path, volume_id }: Published,
  { fileAt }: Victim,
): Promise<void> {
  const secret = randomBytes(4096);
  writeFileSync(fileAt(target_path), secret, { flush: true });
  const content = () => readFileSync(imageFile(node, volume_id));
  expect(content().includes(secret)).toBe(true);
  expect((await pod.read(SIZE)).includes(secret)).toBe(false);
  await pod.write(Buffer.alloc(4096, 'overwritten'));
  expect(content().includes('overwritten')).toBe(false);
}
