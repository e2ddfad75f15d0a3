import { posix } from 'node:path';
import { quote, VolumeError } from '../errors.ts';
import { encryptionOf } from '../objects/encryption.ts';
import { directoryNameOf } from '../objects/object-id.ts';
import { isBlock, type Volume } from '../objects/volume.ts';
import type { Host, Parts } from '../parts.ts';
import type { AttachedFile, Device } from '../ports/devices-port.ts';
import type { Pool } from '../ports/pool.ts';

/**
 * Detaches the image of a volume that is no longer staged. The kernel detaches the device of a mounted image with its
 * last mount, which may be in another mount namespace; this function detaches the device of a block volume.
 * @throws VolumeError precondition: a process still has the block device open
 */
export async function detachImage(
  parts: Parts<'catalogue' | 'host' | 'onStep'>,
  volumeId: string,
): Promise<void> {
  const volume = parts.catalogue.volumes.findIntact(volumeId);
  if (volume && !isBlock(volume.content)) {
    if (encryptionOf(volume.content)) await closeContainer(parts, volume);
    return;
  }
  for (const { file, path } of await attachedImages(parts, volumeId, volume)) {
    const targets = await parts.host.mountIndex.verifiedMountsOf(volumeId);
    const [target] = targets;
    if (target) {
      const message = `volume ${quote(volumeId)} is still published at ${quote(target.path)}`;
      throw new VolumeError('precondition', message);
    }
    if (!(await parts.host.devices.detach(file))) {
      const message = `volume ${quote(volumeId)} is still in use: a process has its device ${path} open`;
      throw new VolumeError('precondition', message);
    }
  }
  await parts.onStep('unstage: detached');
}

/** The kernel closes a container with its last mount, unless the driver was killed between opening and mounting it. */
async function closeContainer(
  { catalogue, host }: Parts<'catalogue' | 'host'>,
  volume: Volume,
): Promise<void> {
  const image = catalogue.dataOf(volume).path;
  await host.devices.settled(image);
  if ((await host.mountIndex.verifiedMountsOf(volume.id)).length === 0) await host.devices.detach(image);
}

/** Where the image of a volume is attached; without a record, the volume is recognised by the name of its directory. */
async function attachedImages(
  { catalogue, host }: Parts<'catalogue' | 'host'>,
  volumeId: string,
  volume: Volume | undefined,
): Promise<Pick<AttachedFile, 'path' | 'file'>[]> {
  const pools = volume ? [catalogue.pools.of(volume)] : catalogue.pools.all;
  const end = posix.join('/volumes', directoryNameOf(volumeId), 'image');
  const imageIn = (pool: Pool) => `${pool.path}${end}`;
  const files = pools.map(imageIn);
  const attached = await host.devices.list();
  const listed = attached.filter(({ file }) => files.includes(file));
  if (listed.length > 0) return listed;
  // The list shows another path if the file was attached in another mount namespace, or its disk mounted again since.
  if (!volume && !attached.some(({ file }) => file.endsWith(end))) return [];
  const found = await Promise.all(
    pools.map(async (pool) => {
      const file = imageIn(pool);
      const device = await deviceIfReachable(host, pool, file);
      return device ? [{ ...device, file }] : [];
    }),
  );
  return found.flat();
}

/** The device of a file in a pool; undefined if the pool cannot be reached. */
async function deviceIfReachable(host: Host, pool: Pool, file: string): Promise<Device | undefined> {
  try {
    await pool.checkReachable();
    return await host.devices.find(file);
  } catch (error) {
    if (error instanceof VolumeError) return undefined;
    throw error;
  }
}
