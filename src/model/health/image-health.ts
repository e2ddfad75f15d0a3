import { contentInfoOf, describeDefect, recordedErrors } from '../content/content-defects.ts';
import { quote, VolumeError } from '../errors.ts';
import { type ListedDevices, listDevices } from '../find/listed-devices.ts';
import { contentsAt, listedDeviceOf } from '../find/staged-content.ts';
import { type Finding, finding } from '../objects/finding.ts';
import { isBlock, type Volume } from '../objects/volume.ts';
import type { Parts } from '../parts.ts';
import { type Device, isFileSystem } from '../ports/devices-port.ts';
import { wholeSectors } from '../requests/capacity.ts';
import type { SharedChecks } from './shared-checks.ts';

/** The problems of a complete image: the errors recorded by its file system, and its sizes. */
export async function imageHealth(
  parts: Parts<'catalogue' | 'host' | 'holds'>,
  volume: Volume,
  shared: SharedChecks,
): Promise<Finding[]> {
  if (volume.content.backend !== 'image') return [];
  const device = await attachedDevice(parts, volume, () => shared.listedDevices());
  if (!device) return checkImage(parts, volume, undefined);
  // A detached device is soon reused for another image, so a problem counts only if a new list still shows the device.
  const isStillAttached = async () => {
    const now = await attachedDevice(parts, volume, () => listDevices(parts.host.devices));
    return now?.path === device.path;
  };
  try {
    const findings = await checkImage(parts, volume, device);
    return findings.length === 0 || (await isStillAttached()) ? findings : [];
  } catch (error) {
    if (await isStillAttached()) throw error;
    return [];
  }
}

async function checkImage(
  parts: Parts<'catalogue' | 'host' | 'holds'>,
  volume: Volume,
  device: Device | undefined,
): Promise<Finding[]> {
  const errors = await recordedErrors(parts, volume, device);
  return [
    ...(errors
      ? [finding('FileSystemErrors', describeDefect(contentInfoOf(parts.catalogue, volume), errors))]
      : []),
    ...(device ? await sizesHealth(parts, volume, device) : []),
  ];
}

/** The device of a staged or published image; undefined if the image is gone, because the volume is being deleted. */
async function attachedDevice(
  parts: Parts<'catalogue' | 'host'>,
  volume: Volume,
  list: () => Promise<ListedDevices>,
): Promise<Device | undefined> {
  if (!isBlock(volume.content) && parts.host.mountIndex.mountsOf(volume.id).length === 0) return undefined;
  try {
    return await listedDeviceOf(parts, volume, await list());
  } catch (error) {
    if (error instanceof VolumeError && error.kind === 'damaged') return undefined;
    throw error;
  }
}

/**
 * Record, device and file system should have the same size. An image that is not attached gets it at the next stage.
 */
async function sizesHealth(
  parts: Parts<'catalogue' | 'host' | 'holds'>,
  volume: Volume,
  device: Device,
): Promise<Finding[]> {
  const { id, capacityBytes } = volume;
  const deviceBytes = await parts.host.devices.sizeOf(device);
  if (deviceBytes === undefined) return [];
  const has = `volume ${quote(id)} has ${capacityBytes} bytes, but its device ${device.path}`;
  if (deviceBytes < capacityBytes) {
    const message = `${has} has ${deviceBytes}; call NodeExpandVolume or stage the volume again`;
    return [finding('ExpansionIncomplete', message)];
  }
  if (deviceBytes > wholeSectors(capacityBytes)) {
    return [finding('CapacityNotEnforced', `${has} has ${deviceBytes}; expand the volume to that size`)];
  }
  return fileSystemSize(parts, volume, device);
}

async function fileSystemSize(
  parts: Parts<'catalogue' | 'host' | 'holds'>,
  volume: Volume,
  device: Device,
): Promise<Finding[]> {
  if (isBlock(volume.content)) return [];
  const fsType = await contentsAt(parts.host, volume, parts.catalogue.dataOf(volume).path, device);
  if (!isFileSystem(fsType)) return [];
  for (const { path, mountId, use } of parts.host.mountIndex.mountsOf(volume.id)) {
    if (use.kind === 'inside') continue;
    const isSmaller = await parts.holds.mounting.watch(async (watch) => {
      if (!watch.isAtRest(path)) return false;
      try {
        const state = await parts.host.paths.inspect(path);
        if (state.kind !== 'mounted' || state.mountId !== mountId) return false;
        // The kernel reuses mount ids.
        if ((await parts.host.mounts.deviceAt(path)) !== device.number) return false;
        return (
          (await parts.host.fileSystems.isSmallerThanDevice(path, device, fsType)) && watch.isAtRest(path)
        );
      } catch (error) {
        // The path has disappeared.
        if (error instanceof VolumeError || !watch.isAtRest(path)) return false;
        throw error;
      }
    });
    if (!isSmaller) continue;
    const message = `the ${fsType} file system of volume ${quote(volume.id)} does not fill its device; stage the volume again, writable`;
    return [finding('ExpansionIncomplete', message)];
  }
  return [];
}
