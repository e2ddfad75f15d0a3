import { DiskError, quote, VolumeError } from '../errors.ts';
import { contentPathOf, deviceOf, isVolumeAt } from '../find/staged-content.ts';
import { type Finding, finding, type HealthReason } from '../objects/finding.ts';
import { isBlock, type Volume } from '../objects/volume.ts';
import type { Device } from '../ports/devices-port.ts';
import type { MountedPath, MountedState, PathState, UnreadableState } from '../ports/mounts-port.ts';
import type { Model } from '../state/model.ts';
import type { MountPlace } from './mount-places.ts';

/** The observed state of a place. */
export interface Seen {
  readonly place: MountPlace;
  readonly state: PathState;
  /** The mount there, from the list of mounts. */
  readonly mount: MountedPath | undefined;
}

/** The problems of a volume at a place where it should be, or may be, mounted. */
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

/** A failing mount of this volume is always a problem; an unreadable path only if the volume must be there. */
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
 * The driver makes mounts read-only, never file systems: a read-only file system under a writable mount has most likely met
 * an error. A mount that another program made read-only is only recognised if the driver knows how it was mounted.
 */
function isUnexpectedlyReadOnly({ place, mount }: Seen): boolean {
  if (!mount) return false;
  return mount.isReadOnly ? isKnownForWriting(place) : mount.isFileSystemReadOnly;
}

/** The staging path of a block volume stays an empty directory; its device shows whether it is staged. */
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

/** The driver keeps the device open, so the volume keeps it until the driver stops. */
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
 * The device of an image. Finding it by its file would open every device, and for a moment keep each from being
 * detached; so that is only done if the list does not show it.
 */
async function attachedDevice(model: Model, volume: Volume): Promise<Device | undefined> {
  const path = contentPathOf(model, volume);
  const listed = (await model.devices.list()).find(({ file, isRemoved }) => file === path && !isRemoved);
  return listed ?? deviceOf(model, volume);
}

function isKnownForWriting({ known }: MountPlace): boolean {
  return known !== undefined && 'readOnly' in known.use && !known.use.readOnly;
}

/** A result that requires the volume's content; undefined if the content is gone, which is reported elsewhere. */
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
