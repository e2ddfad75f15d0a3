import { about, quote, VolumeError } from '../errors.ts';
import { deviceOf } from '../find/staged-content.ts';
import { isStagedAt } from '../find/staging-label.ts';
import type { Volume } from '../objects/volume.ts';
import type { Host, Parts } from '../parts.ts';
import type { Device } from '../ports/devices-port.ts';
import type { PathState } from '../ports/paths-port.ts';
import { isReadOnly } from '../requests/capability.ts';
import { occupiedError } from './check-existing-mount.ts';
import { checkTargets, mountOnTarget, type PublishSpec, reserveTarget } from './mount-targets.ts';

/**
 * Publishes a block volume: bind-mounts its device node on a file. A read-only bind mount does not stop writes to a
 * device, so the device itself is made read-only, and either all its targets are read-only or none is.
 */
export async function publishBlock(
  parts: Parts<'catalogue' | 'host' | 'onStep'>,
  volume: Volume,
  spec: PublishSpec,
  target: PathState,
): Promise<void> {
  const image = parts.catalogue.dataOf(volume).path;
  const device = await deviceOf(parts, volume);
  // An older driver attached devices without a note.
  const isElsewhere = (await isStagedAt(parts.host, image, spec.stagingPath)) === false;
  if (!device || isElsewhere) {
    const message = `volume ${quote(volume.id)} is not staged at ${quote(spec.stagingPath)}`;
    throw new VolumeError('precondition', message, { about: 'stagingPath' });
  }
  const readOnly = isReadOnly(spec.capability, spec.readOnly);
  const isDeviceReadOnly = await parts.host.devices.isReadOnly(device);
  // No other call runs from here to the reservation, so two publishes cannot both find the volume free.
  checkTargets(parts.host, volume, spec);
  checkMixedAccess(parts.host, volume, spec, { readOnly, isDeviceReadOnly });
  if (target.kind === 'mounted')
    checkMounted(spec.targetPath, target.deviceNode, device, { readOnly, isDeviceReadOnly });
  await reserveTarget(parts, volume, spec, target, async () => {
    const wasCreated = await about('targetPath', parts.host.paths.makeFile(spec.targetPath));
    return mountOnTarget(parts, spec.targetPath, wasCreated, async () => {
      await parts.host.devices.setReadOnly(image, readOnly);
      return bindDevice(parts, volume, device, spec.targetPath);
    });
  });
}

/** @throws VolumeError unavailable: the volume lost the device during the mount; nothing is mounted */
async function bindDevice(
  parts: Parts<'catalogue' | 'host'>,
  volume: Volume,
  device: Device,
  targetPath: string,
): Promise<number> {
  const mountId = await parts.host.mounts.bindDevice(device, targetPath);
  if ((await deviceOf(parts, volume))?.number === device.number) return mountId;
  await parts.host.mounts.unmount(targetPath);
  const message = `volume ${quote(volume.id)} lost its device ${device.path}; unstage and stage it again`;
  throw new VolumeError('unavailable', message);
}

interface DeviceAccess {
  readonly readOnly: boolean;
  readonly isDeviceReadOnly: boolean;
}

function checkMixedAccess(
  host: Host,
  volume: Volume,
  { targetPath }: PublishSpec,
  { readOnly, isDeviceReadOnly }: DeviceAccess,
): void {
  const other = host.mountIndex.mountsOf(volume.id).find(({ path, use }) => {
    if (path === targetPath) return false;
    // A target found at start is read-only if its device is.
    return (use.kind === 'target' ? use.readOnly : isDeviceReadOnly) !== readOnly;
  });
  if (!other) return;
  const how = readOnly ? 'writable' : 'read-only';
  const message = `volume ${quote(volume.id)} is already published ${how} at ${quote(other.path)}; all targets of a block volume must be read-only, or none`;
  throw new VolumeError('precondition', message, { about: 'targetPath' });
}

function checkMounted(
  targetPath: string,
  deviceNode: string | undefined,
  device: Device,
  { readOnly, isDeviceReadOnly }: DeviceAccess,
): void {
  if (deviceNode !== device.number) {
    if (deviceNode === undefined) throw occupiedError('targetPath', targetPath);
    const message = `${quote(targetPath)} shows an old device of the volume, which is now ${device.path}; unpublish it first`;
    throw new VolumeError('precondition', message, { about: 'targetPath' });
  }
  if (readOnly === isDeviceReadOnly) return;
  const message = `the volume is already mounted at ${quote(targetPath)}, but differs in readOnly`;
  throw new VolumeError('already-exists', message, { about: 'targetPath' });
}
