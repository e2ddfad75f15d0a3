import { about, DiskError, type PathSubject, quote, VolumeError } from '../errors.ts';
import { encryptionOf } from '../objects/encryption.ts';
import { isBlock, type Volume } from '../objects/volume.ts';
import type { Host, Parts } from '../parts.ts';
import type { Device, ImageContents } from '../ports/devices-port.ts';
import { withPoolInErrors } from '../ports/error-context.ts';
import type { DirectoryState, FileIdentity, PathState, UnreadableState } from '../ports/paths-port.ts';
import type { ListedDevices } from './listed-devices.ts';

/**
 * The directory that is mounted when a directory volume is staged: its path and its current state.
 * @throws VolumeError damaged: it is missing; unavailable: its disk fails
 */
export async function contentOf(
  parts: Parts<'catalogue' | 'host'>,
  volume: Volume,
): Promise<{ path: string; state: DirectoryState }> {
  const path = parts.catalogue.dataOf(volume).path;
  const state = await inspectContent(parts, volume, path);
  if (state.kind !== 'directory') {
    const message = `volume ${quote(volume.id)} has lost its data: ${path} is not a directory (${state.kind})`;
    throw new VolumeError('damaged', message);
  }
  return { path, state };
}

/** The image file of a volume. @throws VolumeError damaged: it is missing; unavailable: its disk fails */
export async function imageOf(parts: Parts<'catalogue' | 'host'>, volume: Volume): Promise<string> {
  const path = parts.catalogue.dataOf(volume).path;
  const { kind } = await inspectContent(parts, volume, path);
  if (kind === 'file') return path;
  throw new VolumeError(
    'damaged',
    `volume ${quote(volume.id)} has lost its data: ${path} is not a file (${kind})`,
  );
}

/** The state of content. What cannot be read now may be read later, so it does not count as lost. */
async function inspectContent(
  { host }: Parts<'host'>,
  volume: Volume,
  path: string,
): Promise<Exclude<PathState, UnreadableState>> {
  const state = await withPoolInErrors(volume, () => host.paths.inspect(path));
  if (state.kind !== 'unreadable') return state;
  const message = `volume ${quote(volume.id)} in pool ${quote(volume.pool)}: ${path} ${state.why}; check the disk and the kernel log`;
  throw new DiskError('unavailable', message);
}

/** The device of a staged volume; undefined if its image is not attached. */
export async function deviceOf(
  parts: Parts<'catalogue' | 'host'>,
  volume: Volume,
  listed?: ListedDevices,
): Promise<Device | undefined> {
  const image = await imageOf(parts, volume);
  return parts.host.devices.find(image, listed?.likely(image));
}

/**
 * The device of an image, from a list of devices if that shows it: finding it by its file may open devices, and for a
 * moment keep them from being detached.
 */
export async function listedDeviceOf(
  parts: Parts<'catalogue' | 'host'>,
  volume: Volume,
  listed: ListedDevices,
): Promise<Device | undefined> {
  return listed.of(parts.catalogue.dataOf(volume).path) ?? deviceOf(parts, volume, listed);
}

/** What pods see on an attached image: of an encrypted one, what its device decrypts. */
export function contentsAt(
  host: Host,
  { content }: Volume,
  image: string,
  device: Device,
): Promise<ImageContents> {
  return host.formatter.inspect(encryptionOf(content) ? device.path : image);
}

/** Whether the volume itself is staged or published at a path. */
export async function isVolumeAt(
  parts: Parts<'catalogue' | 'host'>,
  volume: Volume,
  path: string,
  state: PathState,
): Promise<boolean> {
  if (volume.content.backend !== 'image') {
    const { state: content } = await contentOf(parts, volume);
    return state.kind === 'mounted' && isSame(state.identity, content.identity);
  }
  if (state.kind !== 'mounted') return false;
  const device = await deviceOf(parts, volume);
  if (!device) return false;
  return isBlock(volume.content)
    ? state.deviceNode === device.number
    : (await parts.host.mounts.deviceAt(path)) === device.number;
}

/** The state of a path in a request. */
export function inspectPath(host: Host, subject: PathSubject, path: string): Promise<PathState> {
  return about(subject, host.paths.inspect(path));
}

/** Whether two identities belong to the same file or directory. */
export function isSame(one: FileIdentity, other: FileIdentity): boolean {
  return one.inode === other.inode && one.device === other.device;
}
