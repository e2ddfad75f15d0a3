import { posix } from 'node:path';
import { VolumeError } from '../../model/errors.ts';
import type { Parts } from '../../model/parts.ts';
import type { AttachedFile } from '../../model/ports/devices-port.ts';
import type { Pool } from '../../model/ports/pool.ts';
import { poolLayout } from '../../records/pool-layout.ts';
import type { PlannedRepair } from './planned-repair.ts';

/**
 * Loop devices of images that the driver itself has removed: somebody attached them meanwhile, and their space stays in use. The device
 * of an image that was removed by hand is left to a person, since it is all that is left of the content.
 */
export async function leftDevices(parts: Parts, pools: readonly Pool[]): Promise<PlannedRepair[]> {
  return (await leftIn(parts, pools)).map((device) => ({
    subject: `device ${device.path}`,
    problem: `it is attached to ${device.file}, which was deleted with its volume`,
    repair: 'detach it',
    holds: [],
    run: () => detach(parts, pools, device),
  }));
}

async function leftIn({ host }: Parts, pools: readonly Pool[]): Promise<AttachedFile[]> {
  const removed = new Set(pools.map(({ path }) => poolLayout(path).outgoing));
  return (await host.devices.list()).filter(
    ({ file, isRemoved }) => isRemoved && removed.has(posix.dirname(posix.dirname(file))),
  );
}

async function detach(parts: Parts, pools: readonly Pool[], device: AttachedFile): Promise<void> {
  const isLeft = (await leftIn(parts, pools)).some(
    ({ path, file }) => path === device.path && file === device.file,
  );
  if (!isLeft || (await parts.host.devices.detach(device.file))) return;
  throw new VolumeError(
    'precondition',
    `${device.path} is still in use: it is mounted, or a process has it open`,
  );
}
