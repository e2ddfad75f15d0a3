import { posix } from 'node:path';
import { type PathSubject, quote, VolumeError } from '../errors.ts';
import { directoryNameOf } from '../objects/object-id.ts';
import type { Host, Parts } from '../parts.ts';
import type { AttachedFile } from '../ports/devices-port.ts';
import type { MountedPath } from '../ports/mounts-port.ts';
import { isWithin } from '../requests/mount-paths.ts';
import type { Catalogue } from '../state/catalogue.ts';
import type { Location } from '../state/locations.ts';

/**
 * Refuses to unmount another volume, or a mount that is not this driver's. The driver's mounts are recognised by the
 * index or the list of mounts, so this works even if the mount point is unreadable, the volume has no record left, or
 * its pool is gone: otherwise its pod would never terminate.
 * @throws VolumeError precondition
 */
export async function checkOwner(
  parts: Parts<'catalogue' | 'host'>,
  subject: PathSubject,
  volumeId: string,
  path: string,
  mountId: number,
): Promise<void> {
  const owner = await ownerOf(parts, volumeId, path, mountId);
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
  parts: Parts<'catalogue' | 'host'>,
  volumeId: string,
  path: string,
  mountId: number,
): Promise<MountOwner | undefined> {
  const known = parts.host.mountIndex.at(path);
  if (known?.mountId === mountId) return known;
  const list = await parts.host.mounts.list();
  // Another mount covers it.
  const isCovered = list.some((each) => each.mountId === known?.mountId && each.path === path);
  if (known && isCovered) return known;
  const mount = list.find((each) => each.mountId === mountId);
  if (!mount) return undefined;
  const devices = await listAttachedDevices(parts.host);
  const volume = volumeOfMount(parts, mount, devices);
  if (volume) return volume;
  return isDriverMount(parts, volumeId, mount, devices) ? { volumeId: undefined } : undefined;
}

/** Whether only this driver makes such a mount: of a directory in a pool, or of the device node of a loop device. */
function isDriverMount(
  { host: { locations }, catalogue: { pools } }: Parts<'catalogue' | 'host'>,
  volumeId: string,
  mount: MountedPath,
  devices: AttachedDevices,
): boolean {
  const device = deviceOf(mount, devices);
  const file = device?.file ?? '';
  if (locations.namesInPool(locationOf(mount)) !== undefined || isLoopDeviceNode(mount, devices)) return true;
  if (pools.all.some((pool) => isWithin(file, pool.path))) return true;
  // The driver no longer has this pool.
  const directory = `/volumes/${directoryNameOf(volumeId)}`;
  return file.endsWith(`${directory}/image`) || `${mount.root}/`.includes(`${directory}/data/`);
}

/** The attached devices, and the location of their device nodes. */
export interface AttachedDevices {
  readonly attached: readonly AttachedFile[];
  readonly nodes: Location | undefined;
}

export async function listAttachedDevices({ devices, locations }: Host): Promise<AttachedDevices> {
  return { attached: await devices.list(), nodes: await locations.locate('/dev').catch(() => undefined) };
}

type MountRoot = Pick<MountedPath, 'root' | 'source' | 'fileSystem'>;

/** The volume that a mount shows, and whether it shows all of it. */
export function volumeOfMount(
  parts: Parts<'catalogue' | 'host'>,
  mount: MountRoot,
  devices: AttachedDevices,
): { volumeId: string; isWhole: boolean } | undefined {
  const device = deviceOf(mount, devices);
  const volumeId = device && volumeOfFile(parts.catalogue, device.file);
  // A pool may itself lie on a loop device, attached by something other than this driver.
  if (!device || volumeId === undefined) return volumeOfRoot(parts, mount);
  return { volumeId, isWhole: device.path !== mount.source || mount.root === '/' };
}

/** The device whose file system a mount shows, or whose device node is mounted. */
function deviceOf(mount: MountRoot, devices: AttachedDevices): AttachedFile | undefined {
  const node = nodeOf(mount, devices);
  return devices.attached.find(({ path }) => path === mount.source || path === node);
}

/**
 * The path of the mounted device node. A directory in a pod may have the same name, so the file system is compared too.
 */
function nodeOf({ root, fileSystem }: MountRoot, { nodes }: AttachedDevices): string | undefined {
  if (nodes === undefined || nodes.fileSystem !== fileSystem || !isWithin(root, nodes.path)) return undefined;
  return posix.join('/dev', root.slice(nodes.path.length));
}

/** The device node stays mounted when its device is removed. */
function isLoopDeviceNode(mount: MountRoot, devices: AttachedDevices): boolean {
  return /^\/dev\/loop\d+(\/deleted)?$/.test(nodeOf(mount, devices) ?? '');
}

function locationOf({ fileSystem, root }: MountRoot): Location {
  return { fileSystem, path: root };
}

/**
 * The volume whose image an attached file is, by the end of its path: of a file attached in a mount namespace that has
 * ended, such as that of the driver's last container, the list shows no more. A copy of a pool has files with the same names.
 */
export function volumeOfFile(catalogue: Catalogue, file: string): string | undefined {
  const [volumes, directory, name] = file.split('/').slice(-3);
  if (volumes !== 'volumes' || directory === undefined || name !== 'image') return undefined;
  return catalogue.volumes.idOfDirectory(directory);
}

/** The volume whose content, or a directory in it, is the root of a mount. */
function volumeOfRoot(
  { catalogue: { volumes }, host: { locations } }: Parts<'catalogue' | 'host'>,
  mount: MountRoot,
): { volumeId: string; isWhole: boolean } | undefined {
  const [kind, directory = '', content, ...below] = locations.namesInPool(locationOf(mount)) ?? [];
  if (kind !== 'volumes' || content !== 'data') return undefined;
  const volumeId = volumes.idOfDirectory(directory);
  return volumeId === undefined ? undefined : { volumeId, isWhole: below.length === 0 };
}
