import { DiskError, quote, VolumeError } from '../errors.ts';
import { contentPathOf, deviceOf, isVolumeAt } from '../find/staged-content.ts';
import { type Finding, finding, type HealthReason } from '../objects/finding.ts';
import { isBlock, type Volume } from '../objects/volume.ts';
import type { Device } from '../ports/devices-port.ts';
import type { MountedPath, MountedState, PathState, UnreadableState } from '../ports/mounts-port.ts';
import type { Model } from '../state/model.ts';
import type { MountPlace } from './mount-places.ts';

/** What was seen at a place. */
export interface Seen {
  readonly place: MountPlace;
  readonly state: PathState;
  /** What is mounted there, as the list of mounts has it. */
  readonly mount: MountedPath | undefined;
}

/** What is wrong with a volume at a place where it should be, or may be, mounted. */
export async function placeHealth(model: Model, volume: Volume, seen: Seen): Promise<Finding[]> {
  if (seen.state.kind === 'unreadable') return unreadableHealth(volume, seen.place, seen.state);
  return isBlock(volume.content) ? blockHealth(model, volume, seen) : directoryHealth(model, volume, seen);
}

async function directoryHealth(model: Model, volume: Volume, seen: Seen): Promise<Finding[]> {
  const { place, state } = seen;
  if (state.kind !== 'mounted') return ifCertain(volume, place, 'NotMounted');
  const isThere = await asFarAsKnown(isVolumeThere(model, volume, place.path, state));
  if (isThere === false) return ifCertain(volume, place, 'WrongMount');
  return isUnexpectedlyReadOnly(seen) ? [told(volume, place, 'UnexpectedlyReadOnly')] : [];
}

/** A mount of this volume that fails is wrong in any case; a path that cannot be looked at only where it must be there. */
function unreadableHealth(
  { id }: Volume,
  { path, isCertain, known }: MountPlace,
  { mountId, why }: UnreadableState,
): Finding[] {
  if (!isCertain && (mountId === undefined || mountId !== known?.mountId)) return [];
  const what = `volume ${quote(id)} cannot be read`;
  return [finding('DiskError', `${what}: ${quote(path)} ${why}`, { what, path })];
}

/**
 * The driver makes a mount read-only, never a file system: one that takes no writes although its mount would has most
 * likely met an error. That somebody has made the mount itself read-only can only be told where the driver remembers
 * what it was made for.
 */
function isUnexpectedlyReadOnly({ place, mount }: Seen): boolean {
  if (!mount) return false;
  return mount.isReadOnly ? isKnownForWriting(place) : mount.isFileSystemReadOnly;
}

/** The staging path of a block volume stays an empty directory; its device tells whether it is staged. */
async function blockHealth(model: Model, volume: Volume, { place, state }: Seen): Promise<Finding[]> {
  const isMissing = !place.isStaging && state.kind !== 'mounted';
  const findings = isMissing ? ifCertain(volume, place, 'NotMounted') : [];
  const found = await asFarAsKnown(attachedDevice(model, volume).then((device) => ({ device })));
  if (!found) return findings;
  const { device } = found;
  if (!device) return [...findings, ...notAttached(volume, place)];
  if (place.isStaging || state.kind !== 'mounted') return findings;
  if (state.deviceNode !== device.number) return ifCertain(volume, place, 'WrongMount');
  const image = contentPathOf(model, volume);
  const isStopped = isKnownForWriting(place) && (await model.devices.isReadOnly(image));
  return [
    ...((await model.devices.goesWhenClosed(device)) ? [detachedByOthers(volume, device)] : []),
    ...(isStopped ? [told(volume, place, 'UnexpectedlyReadOnly')] : []),
  ];
}

/** The driver keeps the device open, so the volume has it until the driver stops. */
function detachedByOthers({ id }: Volume, { path }: Device): Finding {
  const message = `a program detached ${path} of volume ${quote(id)}; the driver holds it until it stops; stage the volume again`;
  return finding('DetachedByOthers', message);
}

async function isVolumeThere(
  model: Model,
  volume: Volume,
  path: string,
  state: MountedState,
): Promise<boolean> {
  if (volume.content.backend !== 'image') return isVolumeAt(model, volume, path, state);
  const device = await attachedDevice(model, volume);
  return device !== undefined && (await model.mounts.deviceAt(path)) === device.number;
}

/**
 * The device of an image. Looking for it by the file it has would open every device there is, and for a moment keep
 * each from being let go; so that is done only where the list of them does not tell.
 */
async function attachedDevice(model: Model, volume: Volume): Promise<Device | undefined> {
  const path = contentPathOf(model, volume);
  const listed = (await model.devices.list()).find(({ file, isRemoved }) => file === path && !isRemoved);
  return listed ?? deviceOf(model, volume);
}

function isKnownForWriting({ known }: MountPlace): boolean {
  return known !== undefined && 'readOnly' in known.use && !known.use.readOnly;
}

/** What the volume's content is needed for; undefined where that is gone, of which is told elsewhere. */
async function asFarAsKnown<T>(look: Promise<T>): Promise<T | undefined> {
  try {
    return await look;
  } catch (error) {
    if (error instanceof VolumeError && !(error instanceof DiskError)) return undefined;
    throw error;
  }
}

type PlaceReason = Extract<HealthReason, 'NotMounted' | 'WrongMount' | 'UnexpectedlyReadOnly'>;

const sentences: Readonly<Record<PlaceReason, string>> = {
  NotMounted: 'is not mounted',
  WrongMount: 'is hidden by something else that is mounted',
  UnexpectedlyReadOnly: 'cannot be written any more, and is mounted for writing,',
};

function told({ id }: Volume, { path }: MountPlace, reason: PlaceReason): Finding {
  const what = `volume ${quote(id)} ${sentences[reason]}`;
  return finding(reason, `${what} at ${quote(path)}`, { what, path });
}

function ifCertain(volume: Volume, place: MountPlace, reason: PlaceReason): Finding[] {
  return place.isCertain ? [told(volume, place, reason)] : [];
}

function notAttached({ id }: Volume, { isCertain }: MountPlace): Finding[] {
  const message = `volume ${quote(id)} is staged, and its image is attached to no device`;
  return isCertain ? [finding('NotAttached', message)] : [];
}
