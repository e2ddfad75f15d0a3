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

const SIZE = 32 * 1024 ** 2;

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

/** A volume that somebody else uses. */
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

/** Expects that a pod neither reads nor writes what is written to a volume. */
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
