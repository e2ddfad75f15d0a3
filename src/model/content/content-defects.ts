import { quote, VolumeError } from '../errors.ts';
import { snapshotDirectory } from '../find/find-snapshot.ts';
import { contentPathOf, deviceOf } from '../find/staged-content.ts';
import type { Snapshot, SnapshotContent } from '../objects/snapshot.ts';
import type { Volume, VolumeContent } from '../objects/volume.ts';
import type { Device, FileSystemFault } from '../ports/devices-port.ts';
import type { ContentLoss } from '../ports/ports.ts';
import type { Model } from '../state/model.ts';

/** Why content must not be mounted, copied or grown as if it were whole. */
export type ContentDefect = ContentLoss | FileSystemFault;

/** The affected content, for messages. */
interface Subject {
  /** `volume "x"` */
  readonly name: string;
  readonly path: string;
  readonly capacityBytes: bigint;
}

/**
 * The lost part of a volume's content; for an image also if its file system is larger than the image. The data on a
 * block volume is its user's business.
 */
export async function lossOfVolume(
  model: Model,
  volume: Volume,
): Promise<Exclude<ContentDefect, { kind: 'errors' }> | undefined> {
  const { records, backends } = model.pools.of(volume);
  const loss = await backends[volume.content.backend].lossOf(records.volumes.directoryOf(volume.id), volume);
  if (loss || !hasFileSystem(volume.content)) return loss;
  const fault = await model.formatter.faultOf(contentPathOf(model, volume));
  return fault?.kind === 'errors' ? undefined : fault;
}

/**
 * The errors that the file system of an image has recorded; undefined for any other kind of content.
 * @param device that the image is attached to: only the device has errors that a mounted file system has recorded since
 */
export async function recordedErrors(
  model: Model,
  volume: Volume,
  device: Device | undefined,
): Promise<Extract<ContentDefect, { kind: 'errors' }> | undefined> {
  if (!hasFileSystem(volume.content)) return undefined;
  const fault = await model.formatter.faultOf(device?.path ?? contentPathOf(model, volume));
  return fault?.kind === 'errors' ? fault : undefined;
}

/**
 * Refuses a volume that has lost data.
 * @throws VolumeError damaged: there is nothing; precondition: an image was truncated; unavailable: its pool is gone
 */
export async function checkNothingLost(model: Model, volume: Volume): Promise<void> {
  const loss = await lossOfVolume(model, volume);
  if (loss) await refuse(model, volume, subjectOf(model, volume), loss);
}

/**
 * Refuses to copy a volume that is not whole: a snapshot of it would be reported as ready, and would be unusable.
 * @throws VolumeError as `checkNothingLost`; precondition: its file system has recorded errors
 */
export async function checkVolumeWhole(model: Model, volume: Volume): Promise<void> {
  const loss = await lossOfVolume(model, volume);
  const device = loss || !hasFileSystem(volume.content) ? undefined : await deviceOf(model, volume);
  const fault = loss ?? (await recordedErrors(model, volume, device));
  if (fault) await refuse(model, volume, subjectOf(model, volume), fault);
}

/** The same for a snapshot that is the source of a volume. */
export async function checkSnapshotWhole(model: Model, snapshot: Snapshot): Promise<void> {
  const { content, sizeBytes } = snapshot;
  const backend = model.pools.of(snapshot).backends[content.backend];
  const directory = snapshotDirectory(model, snapshot);
  const path = backend.contentOf(directory);
  const fault =
    (await backend.lossOf(directory, { capacityBytes: sizeBytes })) ??
    (hasFileSystem(content) ? await model.formatter.faultOf(path) : undefined);
  const subject = { name: `snapshot ${quote(snapshot.id)}`, path, capacityBytes: sizeBytes };
  if (fault) await refuse(model, snapshot, subject, fault);
}

/** A sentence that describes the defect and the remedy. */
export function describeDefect({ name, path, capacityBytes }: Subject, fault: ContentDefect): string {
  switch (fault.kind) {
    case 'missing':
      return `${name} has lost its data: nothing is at ${path}`;
    case 'truncated':
      return `${name} has ${capacityBytes} bytes, but its image ends after ${fault.sizeBytes}; restore it from a snapshot or backup`;
    case 'cut off':
      return `${name} has a file system of ${fault.fileSystemBytes} bytes, but its image ends after ${fault.sizeBytes}; restore it from a snapshot or backup`;
    case 'errors':
      return `the ${fault.fsType} of ${name} has errors (${fault.errors}); unstage the volume and check ${path}, which the next stage does for ext4`;
  }
}

export function subjectOf(model: Model, volume: Volume): Subject {
  const { capacityBytes } = volume;
  return { name: `volume ${quote(volume.id)}`, path: contentPathOf(model, volume), capacityBytes };
}

async function refuse(
  model: Model,
  object: Parameters<Model['pools']['of']>[0],
  subject: Subject,
  fault: ContentDefect,
): Promise<never> {
  // If its disk is gone, its content only seems to be missing.
  await model.pools.of(object).checkReachable();
  throw new VolumeError(
    fault.kind === 'missing' ? 'damaged' : 'precondition',
    describeDefect(subject, fault),
  );
}

/** Whether content is an image with a file system that pods see, rather than a block volume. */
export function hasFileSystem(content: VolumeContent | SnapshotContent): boolean {
  return content.backend === 'image' && content.use.accessType === 'mount';
}
