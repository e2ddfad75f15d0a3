import { about, quote, VolumeError } from '../errors.ts';
import { contentPathOf, deviceOf } from '../find/staged-content.ts';
import { isStagedAt } from '../find/staging-note.ts';
import type { Volume } from '../objects/volume.ts';
import type { Device } from '../ports/devices-port.ts';
import type { PathState } from '../ports/mounts-port.ts';
import { isReadOnly } from '../requests/capability.ts';
import type { Model } from '../state/model.ts';
import { checkTargets, mountMade, type PublishSpec, reserveTarget } from './mount-targets.ts';
import { somethingElse } from './mounted-as.ts';

/**
 * Publishes a block volume: bind-mounts its device node on a file. A read-only bind mount does not stop writes to a
 * device, so the device itself is made read-only, and either all its targets are read-only or none is.
 */
export async function publishBlock(
  model: Model,
  volume: Volume,
  spec: PublishSpec,
  target: PathState,
): Promise<void> {
  const image = contentPathOf(model, volume);
  const device = await deviceOf(model, volume);
  // An older driver attached devices without a note.
  const isElsewhere = (await isStagedAt(model, image, spec.stagingPath)) === false;
  if (!device || isElsewhere) {
    const message = `volume ${quote(volume.id)} is not staged at ${quote(spec.stagingPath)}`;
    throw new VolumeError('precondition', message, { about: 'stagingPath' });
  }
  const readOnly = isReadOnly(spec.capability, spec.readOnly);
  const isDeviceReadOnly = await model.devices.isReadOnly(image);
  // No other call runs from here to the reservation, so two publishes cannot both find the volume free.
  checkTargets(model, volume, spec);
  checkMixture(model, volume, spec, { readOnly, isDeviceReadOnly });
  if (target.kind === 'mounted')
    checkMounted(spec.targetPath, target.deviceNode, device, { readOnly, isDeviceReadOnly });
  await reserveTarget(model, volume, spec, target, async () => {
    const wasMade = await about('targetPath', model.mounts.makeFile(spec.targetPath));
    return mountMade(model, spec.targetPath, wasMade, async () => {
      await model.devices.setReadOnly(image, readOnly);
      return bindDevice(model, volume, device, spec.targetPath);
    });
  });
}

/** @throws VolumeError unavailable: the volume lost the device during the mount; nothing is mounted */
async function bindDevice(model: Model, volume: Volume, device: Device, targetPath: string): Promise<number> {
  const mountId = await model.mounts.bindDevice(device, targetPath);
  if ((await deviceOf(model, volume))?.number === device.number) return mountId;
  await model.mounts.unmount(targetPath);
  const message = `volume ${quote(volume.id)} lost its device ${device.path}; unstage and stage it again`;
  throw new VolumeError('unavailable', message);
}

interface Writing {
  readonly readOnly: boolean;
  readonly isDeviceReadOnly: boolean;
}

function checkMixture(
  model: Model,
  volume: Volume,
  { targetPath }: PublishSpec,
  { readOnly, isDeviceReadOnly }: Writing,
): void {
  const other = model.mountIndex.of(volume.id).find(({ path, use }) => {
    if (path === targetPath) return false;
    // A target found at start is read-only if its device is.
    return (use.kind === 'target' ? use.readOnly : isDeviceReadOnly) !== readOnly;
  });
  if (!other) return;
  const how = readOnly ? 'for writing' : 'read-only';
  const message = `volume ${quote(volume.id)} is published ${how} at ${quote(other.path)}, and a device is read-only for all its targets or for none`;
  throw new VolumeError('precondition', message, { about: 'targetPath' });
}

function checkMounted(
  targetPath: string,
  deviceNode: string | undefined,
  device: Device,
  { readOnly, isDeviceReadOnly }: Writing,
): void {
  if (deviceNode !== device.number) {
    if (deviceNode === undefined) throw somethingElse('targetPath', targetPath);
    const message = `${quote(targetPath)} has an earlier device of the volume, which is now ${device.path}; unpublish it first`;
    throw new VolumeError('precondition', message, { about: 'targetPath' });
  }
  if (readOnly === isDeviceReadOnly) return;
  const message = `the volume is mounted at ${quote(targetPath)} already, but differs in readOnly`;
  throw new VolumeError('already-exists', message, { about: 'targetPath' });
}
