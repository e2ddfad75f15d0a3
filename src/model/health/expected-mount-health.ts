import { DiskError, quote, VolumeError } from '../errors.ts';
import type { ListedDevices } from '../find/listed-devices.ts';
import { isVolumeAt, listedDeviceOf } from '../find/staged-content.ts';
import { type Finding, finding, type HealthReason } from '../objects/finding.ts';
import { isBlock, type Volume } from '../objects/volume.ts';
import type { Parts } from '../parts.ts';
import type { Device } from '../ports/devices-port.ts';
import type { MountedPath } from '../ports/mounts-port.ts';
import type { MountedState, PathState, UnreadableState } from '../ports/paths-port.ts';
import type { ExpectedMount } from './expected-mounts.ts';

/** The observed state of a path. */
export interface ObservedMount {
  readonly expected: ExpectedMount;
  readonly state: PathState;
  /** The mount there, from the list of mounts. */
  readonly mount: MountedPath | undefined;
  /** The list of devices, for volumes that have one. */
  readonly listedDevices: () => Promise<ListedDevices>;
}

/** The problems of a volume at a path where it should be, or may be, mounted. */
export async function expectedMountHealth(
  parts: Parts<'catalogue' | 'host'>,
  volume: Volume,
  observed: ObservedMount,
): Promise<Finding[]> {
  if (observed.state.kind === 'unreadable')
    return unreadableHealth(volume, observed.expected, observed.state);
  return isBlock(volume.content)
    ? blockHealth(parts, volume, observed)
    : directoryHealth(parts, volume, observed);
}

async function directoryHealth(
  parts: Parts<'catalogue' | 'host'>,
  volume: Volume,
  observed: ObservedMount,
): Promise<Finding[]> {
  const { expected, state } = observed;
  if (state.kind !== 'mounted') return findingIfRequired(volume, expected, 'NotMounted');
  const isThere = await undefinedIfGone(isVolumeMounted(parts, volume, observed, state));
  if (isThere === false) return findingIfRequired(volume, expected, 'WrongMount');
  return isUnexpectedlyReadOnly(observed) ? [mountFinding(volume, expected, 'UnexpectedlyReadOnly')] : [];
}

/** A failing mount of this volume is always a problem; an unreadable path only if the volume must be there. */
function unreadableHealth(
  { id }: Volume,
  { path, isRequired, known }: ExpectedMount,
  { mountId, why }: UnreadableState,
): Finding[] {
  if (!isRequired && (mountId === undefined || mountId !== known?.mountId)) return [];
  const problem = `volume ${quote(id)} cannot be read`;
  return [finding('DiskError', `${problem}: ${quote(path)} ${why}`, { problem, path })];
}

/**
 * The driver makes mounts read-only, never file systems: a read-only file system under a writable mount has most likely met
 * an error. A mount that another program made read-only is only recognised if the driver knows how it was mounted.
 */
function isUnexpectedlyReadOnly({ expected, mount }: ObservedMount): boolean {
  if (!mount) return false;
  return mount.isReadOnly ? isKnownForWriting(expected) : mount.isFileSystemReadOnly;
}

/** The staging path of a block volume stays an empty directory; its device shows whether it is staged. */
async function blockHealth(
  parts: Parts<'catalogue' | 'host'>,
  volume: Volume,
  { expected, state, listedDevices }: ObservedMount,
): Promise<Finding[]> {
  const isMissing = !expected.isStaging && state.kind !== 'mounted';
  const findings = isMissing ? findingIfRequired(volume, expected, 'NotMounted') : [];
  const listed = await listedDevices();
  const found = await undefinedIfGone(listedDeviceOf(parts, volume, listed).then((device) => ({ device })));
  if (!found) return findings;
  const { device } = found;
  if (!device) return [...findings, ...notAttached(volume, expected)];
  if (expected.isStaging || state.kind !== 'mounted') return findings;
  if (state.deviceNode !== device.number) return findingIfRequired(volume, expected, 'WrongMount');
  const isReadOnly = isKnownForWriting(expected) && (await parts.host.devices.isReadOnly(device));
  return [
    ...((await parts.host.devices.hasAutoclear(device)) ? [detachedByOthers(volume, device)] : []),
    ...(isReadOnly ? [mountFinding(volume, expected, 'UnexpectedlyReadOnly')] : []),
  ];
}

/** The driver keeps the device open, so the volume keeps it until the driver stops. */
function detachedByOthers({ id }: Volume, { path }: Device): Finding {
  const message = `a program detached ${path} of volume ${quote(id)}; it works until the driver stops; stage the volume again`;
  return finding('DetachedByOthers', message);
}

async function isVolumeMounted(
  parts: Parts<'catalogue' | 'host'>,
  volume: Volume,
  { expected: { path }, listedDevices }: ObservedMount,
  state: MountedState,
): Promise<boolean> {
  if (volume.content.backend !== 'image') return isVolumeAt(parts, volume, path, state);
  const device = await listedDeviceOf(parts, volume, await listedDevices());
  return device !== undefined && (await parts.host.mounts.deviceAt(path)) === device.number;
}

function isKnownForWriting({ known }: ExpectedMount): boolean {
  return known !== undefined && 'readOnly' in known.use && !known.use.readOnly;
}

/** A result that requires the volume's content; undefined if the content is gone, which is reported elsewhere. */
async function undefinedIfGone<T>(check: Promise<T>): Promise<T | undefined> {
  try {
    return await check;
  } catch (error) {
    if (error instanceof VolumeError && !(error instanceof DiskError)) return undefined;
    throw error;
  }
}

type MountReason = Extract<HealthReason, 'NotMounted' | 'WrongMount' | 'UnexpectedlyReadOnly'>;

const sentences: Readonly<Record<MountReason, string>> = {
  NotMounted: 'is not mounted',
  WrongMount: 'is hidden by another mount',
  UnexpectedlyReadOnly: 'has become read-only',
};

function mountFinding({ id }: Volume, { path }: ExpectedMount, reason: MountReason): Finding {
  const problem = `volume ${quote(id)} ${sentences[reason]}`;
  return finding(reason, `${problem} at ${quote(path)}`, { problem, path });
}

function findingIfRequired(volume: Volume, expected: ExpectedMount, reason: MountReason): Finding[] {
  return expected.isRequired ? [mountFinding(volume, expected, reason)] : [];
}

function notAttached({ id }: Volume, { isRequired }: ExpectedMount): Finding[] {
  const message = `volume ${quote(id)} is staged, but its image is not attached to a device`;
  return isRequired ? [finding('NotAttached', message)] : [];
}
