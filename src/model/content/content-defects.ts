import { DiskError, quote, VolumeError } from '../errors.ts';
import { deviceOf } from '../find/staged-content.ts';
import type { Snapshot, SnapshotContent } from '../objects/snapshot.ts';
import type { Volume, VolumeContent } from '../objects/volume.ts';
import type { Parts } from '../parts.ts';
import type { Device, FileSystemFault } from '../ports/devices-port.ts';
import type { ContentLoss } from '../ports/ports.ts';
import type { Catalogue } from '../state/catalogue.ts';

/** Why content must not be mounted, copied or grown as if it were whole. */
export type ContentDefect = ContentLoss | FileSystemFault;

/** The affected content, for messages. */
interface ContentInfo {
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
  parts: Parts<'catalogue' | 'host'>,
  volume: Volume,
): Promise<Exclude<ContentDefect, { kind: 'errors' }> | undefined> {
  const data = parts.catalogue.dataOf(volume);
  const loss = await data.loss();
  if (loss || !hasFileSystem(volume.content)) return loss;
  const fault = await parts.host.formatter.faultOf(data.path);
  return fault?.kind === 'errors' ? undefined : fault;
}

/**
 * The errors that the file system of an image has recorded; undefined for any other kind of content.
 * @param device that the image is attached to: only the device has errors that a mounted file system has recorded since
 */
export async function recordedErrors(
  parts: Parts<'catalogue' | 'host'>,
  volume: Volume,
  device: Device | undefined,
): Promise<Extract<ContentDefect, { kind: 'errors' }> | undefined> {
  if (!hasFileSystem(volume.content)) return undefined;
  const fault = await parts.host.formatter.faultOf(device?.path ?? parts.catalogue.dataOf(volume).path);
  return fault?.kind === 'errors' ? fault : undefined;
}

/**
 * Refuses a volume that has lost data.
 * @throws VolumeError damaged: there is nothing; precondition: an image was truncated; unavailable: its pool is gone
 */
export async function checkNothingLost(parts: Parts<'catalogue' | 'host'>, volume: Volume): Promise<void> {
  const loss = await lossOfVolume(parts, volume);
  if (loss) await refuse(parts.catalogue, volume, contentInfoOf(parts.catalogue, volume), loss);
}

/**
 * Refuses to copy a volume that is not whole: a snapshot of it would be reported as ready, and would be unusable.
 * @throws VolumeError as `checkNothingLost`; precondition: its file system has recorded errors
 */
export async function checkVolumeWhole(parts: Parts<'catalogue' | 'host'>, volume: Volume): Promise<void> {
  const loss = await lossOfVolume(parts, volume);
  const device = loss || !hasFileSystem(volume.content) ? undefined : await deviceOf(parts, volume);
  const fault = loss ?? (await recordedErrors(parts, volume, device));
  if (fault) await refuse(parts.catalogue, volume, contentInfoOf(parts.catalogue, volume), fault);
}

/** The same for a snapshot that is the source of a volume. */
export async function checkSnapshotWhole(
  parts: Parts<'catalogue' | 'host'>,
  snapshot: Snapshot,
): Promise<void> {
  const { content, sizeBytes } = snapshot;
  const data = parts.catalogue.dataOfSnapshot(snapshot);
  const { path } = data;
  const fault =
    (await data.loss()) ?? (hasFileSystem(content) ? await parts.host.formatter.faultOf(path) : undefined);
  const subject = { name: `snapshot ${quote(snapshot.id)}`, path, capacityBytes: sizeBytes };
  if (fault) await refuse(parts.catalogue, snapshot, subject, fault);
}

/** A sentence that describes the defect and the remedy. */
export function describeDefect({ name, path, capacityBytes }: ContentInfo, fault: ContentDefect): string {
  switch (fault.kind) {
    case 'missing':
      return `${name} has lost its data: ${path} is missing`;
    case 'truncated':
      return `the image of ${name} is truncated to ${fault.sizeBytes} of ${capacityBytes} bytes; restore it from a snapshot or backup`;
    case 'cut off':
      return `the image of ${name} is truncated to ${fault.sizeBytes} of the ${fault.fileSystemBytes} bytes of its file system; restore it from a snapshot or backup`;
    case 'errors':
      return `the ${fault.fsType} file system of ${name} has errors (${fault.errors}); unstage the volume and check ${path} (ext4 is checked at the next stage)`;
  }
}

export function contentInfoOf(catalogue: Catalogue, volume: Volume): ContentInfo {
  const { capacityBytes } = volume;
  return { name: `volume ${quote(volume.id)}`, path: catalogue.dataOf(volume).path, capacityBytes };
}

async function refuse(
  catalogue: Catalogue,
  object: Volume | Snapshot,
  subject: ContentInfo,
  fault: ContentDefect,
): Promise<never> {
  // If its disk is gone, its content only seems to be missing.
  await catalogue.pools.of(object).checkReachable();
  throw new VolumeError(
    fault.kind === 'missing' ? 'damaged' : 'precondition',
    describeDefect(subject, fault),
  );
}

/** Whether content is an image with a file system that pods see, rather than a block volume. */
export function hasFileSystem(content: VolumeContent | SnapshotContent): boolean {
  return content.backend === 'image' && content.use.accessType === 'mount';
}

/**
 * Awaits an operation in the file system of a mounted image.
 * @throws VolumeError precondition: it has shut itself down, and answers every call with an error
 */
export async function withFileSystemErrors<T>(volume: Volume, work: Promise<T>): Promise<T> {
  try {
    return await work;
  } catch (error) {
    const isKernelError = error instanceof Error && (error instanceof DiskError || 'errno' in error);
    if (!hasFileSystem(volume.content) || !isKernelError) throw error;
    const message = `the file system of volume ${quote(volume.id)} returned an error: ${error.message}; check the kernel log, then unstage the volume and stage it again`;
    throw new VolumeError('precondition', message, { cause: error });
  }
}
