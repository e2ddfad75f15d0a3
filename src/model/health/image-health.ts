import { describeDefect, recordedErrors, subjectOf } from '../content/content-defects.ts';
import { quote, VolumeError } from '../errors.ts';
import { contentPathOf } from '../find/staged-content.ts';
import { type Finding, finding } from '../objects/finding.ts';
import { isBlock, type Volume } from '../objects/volume.ts';
import type { Device } from '../ports/devices-port.ts';
import { wholeSectors } from '../requests/capacity.ts';
import type { Model } from '../state/model.ts';

/** The problems of a complete image: the errors recorded by its file system, and its sizes. */
export async function imageHealth(model: Model, volume: Volume): Promise<Finding[]> {
  if (volume.content.backend !== 'image') return [];
  const device = await attachedDevice(model, volume);
  if (!device) return lookAt(model, volume, undefined);
  // A detached device is soon reused for another image.
  const isStillAttached = async () => (await attachedDevice(model, volume))?.path === device.path;
  try {
    const findings = await lookAt(model, volume, device);
    return (await isStillAttached()) ? findings : [];
  } catch (error) {
    if (await isStillAttached()) throw error;
    return [];
  }
}

async function lookAt(model: Model, volume: Volume, device: Device | undefined): Promise<Finding[]> {
  const errors = await recordedErrors(model, volume, device);
  return [
    ...(errors ? [finding('FileSystemErrors', describeDefect(subjectOf(model, volume), errors))] : []),
    ...(device ? await sizesHealth(model, volume, device) : []),
  ];
}

/**
 * The device of a staged or published image. Reads only the list of devices: finding the device of a file would open
 * every device.
 */
async function attachedDevice(model: Model, volume: Volume): Promise<Device | undefined> {
  if (!isBlock(volume.content) && model.mountIndex.of(volume.id).length === 0) return undefined;
  const path = contentPathOf(model, volume);
  return (await model.devices.list()).find(({ file, isRemoved }) => file === path && !isRemoved);
}

/**
 * Record, device and file system should have the same size. An image that is not attached gets it at the next stage.
 */
async function sizesHealth(model: Model, volume: Volume, device: Device): Promise<Finding[]> {
  const { id, capacityBytes } = volume;
  const deviceBytes = await model.devices.sizeOf(device);
  const has = `volume ${quote(id)} has ${capacityBytes} bytes, but its device ${device.path}`;
  if (deviceBytes < capacityBytes) {
    const message = `${has} has ${deviceBytes}; call NodeExpandVolume, or stage the volume again`;
    return [finding('ExpansionIncomplete', message)];
  }
  if (deviceBytes > wholeSectors(capacityBytes)) {
    return [finding('CapacityNotEnforced', `${has} has ${deviceBytes}; expand the volume to that size`)];
  }
  return fileSystemSize(model, volume, device);
}

async function fileSystemSize(model: Model, volume: Volume, device: Device): Promise<Finding[]> {
  if (isBlock(volume.content)) return [];
  const fsType = await model.formatter.inspect(contentPathOf(model, volume));
  if (fsType === 'blank' || fsType === 'unknown') return [];
  for (const { path, mountId, use } of model.mountIndex.of(volume.id)) {
    if (use.kind === 'inside') continue;
    const isSmaller = await model.pathsInWork.watch(async (watch) => {
      if (!watch.isAtRest(path)) return false;
      try {
        const state = await model.mounts.inspect(path);
        if (state.kind !== 'mounted' || state.mountId !== mountId) return false;
        // The kernel reuses mount ids.
        if ((await model.mounts.deviceAt(path)) !== device.number) return false;
        return (await model.mounts.isSmallerThanDevice(path, device, fsType)) && watch.isAtRest(path);
      } catch (error) {
        // The path has disappeared.
        if (error instanceof VolumeError || !watch.isAtRest(path)) return false;
        throw error;
      }
    });
    if (!isSmaller) continue;
    const message = `the ${fsType} of volume ${quote(volume.id)} does not fill its device; stage the volume again, for writing`;
    return [finding('ExpansionIncomplete', message)];
  }
  return [];
}
