import { posix } from 'node:path';
import { type PathSubject, quote, VolumeError } from '../errors.ts';
import { directoryNameOf } from '../objects/object-id.ts';
import type { AttachedFile } from '../ports/devices-port.ts';
import type { MountedPath } from '../ports/mounts-port.ts';
import { isWithin } from '../requests/within.ts';
import type { Location } from '../state/locations.ts';
import type { Model } from '../state/model.ts';

/**
 * Refuses to unmount another volume, or a mount that is not this driver's. The driver's mounts are recognised by the
 * index or the list of mounts, so this works even if the mount point is unreadable, the volume has no record left, or
 * its pool is gone: otherwise its pod would never terminate.
 * @throws VolumeError precondition
 */
export async function checkOwner(
  model: Model,
  subject: PathSubject,
  volumeId: string,
  path: string,
  mountId: number,
): Promise<void> {
  const owner = await ownerOf(model, volumeId, path, mountId);
  if (!owner) {
    const message = `the mount at ${quote(path)} does not belong to this driver; unmount it manually`;
    throw new VolumeError('precondition', message, { about: subject });
  }
  if (owner.volumeId === undefined || owner.volumeId === volumeId) return;
  const message = `${quote(path)} is the mount point of volume ${quote(owner.volumeId)}, not of ${quote(volumeId)}`;
  throw new VolumeError('precondition', message, { about: subject });
}

/** Whose a mount is, if it is this driver's. */
interface MountOwner {
  /** Undefined if the mount is of a volume that the driver does not know. */
  readonly volumeId: string | undefined;
}

/** Whose a mount is; undefined if it is not this driver's. */
async function ownerOf(
  model: Model,
  volumeId: string,
  path: string,
  mountId: number,
): Promise<MountOwner | undefined> {
  const known = model.mountIndex.at(path);
  if (known?.mountId === mountId) return known;
  const list = await model.mounts.list();
  // Another mount covers it.
  const isCovered = list.some((each) => each.mountId === known?.mountId && each.path === path);
  if (known && isCovered) return known;
  const mount = list.find((each) => each.mountId === mountId);
  if (!mount) return undefined;
  const devices = await devicesNow(model);
  const volume = volumeOfMount(model, mount, devices);
  if (volume) return volume;
  return isOfDriver(model, volumeId, mount, devices) ? { volumeId: undefined } : undefined;
}

/** Whether only this driver makes such a mount: of a directory in a pool, or of the device node of a loop device. */
function isOfDriver(
  { locations, pools }: Model,
  volumeId: string,
  mount: MountedPath,
  devices: DevicesNow,
): boolean {
  const device = deviceOf(mount, devices);
  const file = device?.file ?? '';
  if (locations.namesInPool(locationOf(mount)) !== undefined || isNodeOfLoop(mount, devices)) return true;
  if (pools.all.some((pool) => isWithin(file, pool.path))) return true;
  // The driver no longer has this pool.
  const directory = `/volumes/${directoryNameOf(volumeId)}`;
  return file.endsWith(`${directory}/image`) || `${mount.root}/`.includes(`${directory}/data/`);
}

/** The attached devices, and the location of their device nodes. */
export interface DevicesNow {
  readonly attached: readonly AttachedFile[];
  readonly nodes: Location | undefined;
}

export async function devicesNow({ devices, locations }: Model): Promise<DevicesNow> {
  return { attached: await devices.list(), nodes: await locations.of('/dev').catch(() => undefined) };
}

type MountRoot = Pick<MountedPath, 'root' | 'source' | 'fileSystem'>;

/** The volume that a mount shows, and whether it shows all of it. */
export function volumeOfMount(
  model: Pick<Model, 'volumes' | 'pools' | 'locations'>,
  mount: MountRoot,
  devices: DevicesNow,
): { volumeId: string; isWhole: boolean } | undefined {
  const device = deviceOf(mount, devices);
  const image = device && volumeOfFile(model, device.file);
  // A pool may itself lie on a loop device, attached by something other than this driver.
  if (!image) return volumeOfRoot(model, mount);
  const { volumeId } = image;
  const isWhole = device.path !== mount.source || mount.root === '/';
  return volumeId === undefined ? undefined : { volumeId, isWhole };
}

/** The device whose file system a mount shows, or whose device node is mounted. */
function deviceOf(mount: MountRoot, devices: DevicesNow): AttachedFile | undefined {
  const node = nodeOf(mount, devices);
  return devices.attached.find(({ path }) => path === mount.source || path === node);
}

/**
 * The path of the mounted device node. A directory in a pod may have the same name, so the file system is compared too.
 */
function nodeOf({ root, fileSystem }: MountRoot, { nodes }: DevicesNow): string | undefined {
  if (nodes === undefined || nodes.fileSystem !== fileSystem || !isWithin(root, nodes.path)) return undefined;
  return posix.join('/dev', root.slice(nodes.path.length));
}

/** The device node stays mounted when its device is removed. */
function isNodeOfLoop(mount: MountRoot, devices: DevicesNow): boolean {
  return /^\/dev\/loop\d+(\/deleted)?$/.test(nodeOf(mount, devices) ?? '');
}

function locationOf({ fileSystem, root }: MountRoot): Location {
  return { fileSystem, path: root };
}

/** The volume whose image a file is: the file lies in the directory of a volume in one of the pools. */
export function volumeOfFile(
  model: Pick<Model, 'volumes' | 'pools'>,
  file: string,
): { directoryName: string; volumeId: string | undefined } | undefined {
  const directory = posix.dirname(file);
  const isOurs = model.pools.all.some(
    (pool) => posix.dirname(directory) === posix.join(pool.path, 'volumes'),
  );
  if (!isOurs || posix.basename(file) !== 'image') return undefined;
  const directoryName = posix.basename(directory);
  return { directoryName, volumeId: model.volumes.idOfDirectory(directoryName) };
}

/** The volume whose content, or a directory in it, is the root of a mount. */
function volumeOfRoot(
  { volumes, locations }: Pick<Model, 'volumes' | 'locations'>,
  mount: MountRoot,
): { volumeId: string; isWhole: boolean } | undefined {
  const [kind, directory = '', content, ...below] = locations.namesInPool(locationOf(mount)) ?? [];
  if (kind !== 'volumes' || content !== 'data') return undefined;
  const volumeId = volumes.idOfDirectory(directory);
  return volumeId === undefined ? undefined : { volumeId, isWhole: below.length === 0 };
}
