import { checkNothingLost } from '../content/content-defects.ts';
import { growContent, reconcileSize } from '../content/grow-content.ts';
import { quote, VolumeError, type VolumeErrorKind, withErrorChanges } from '../errors.ts';
import { contentsAt, imageOf } from '../find/staged-content.ts';
import { encryptionOf } from '../objects/encryption.ts';
import { isBlock, type Volume } from '../objects/volume.ts';
import type { Parts } from '../parts.ts';
import { isFileSystem } from '../ports/devices-port.ts';
import { withPoolInErrors } from '../ports/error-context.ts';
import { type CapacityRange, fitsRange, type SizeSteps, sizeInRange } from '../requests/capacity.ts';
import type { HeldVolume } from '../state/holds.ts';
import { grownSizes } from './content-sizes.ts';

/** The result of an expansion. */
export interface ExpansionResult {
  readonly volume: Volume;
  /** Whether the node must expand the volume too, if it is staged. */
  readonly needsNodeExpansion: boolean;
}

/**
 * Expands a volume (CSI specification, ControllerExpandVolume): raises its limit, or grows its image. A volume that
 * is large enough already stays as it is; steps that a crash left undone are repeated.
 * @throws VolumeError out-of-range: it would shrink, exceed the maximum size, or there is no room; unavailable: its
 *   pool cannot enforce a new size now; precondition: its image was truncated
 */
export function expandContent(
  parts: Parts<'catalogue' | 'host' | 'holds' | 'settings' | 'onStep'>,
  volume: HeldVolume,
  range: CapacityRange,
  maximumBytes: bigint,
): Promise<ExpansionResult> {
  return parts.holds.changing.during(volume.id, () => expandNow(parts, volume, range, maximumBytes));
}

async function expandNow(
  parts: Parts<'catalogue' | 'host' | 'holds' | 'settings' | 'onStep'>,
  volume: Volume,
  range: CapacityRange,
  maximumBytes: bigint,
): Promise<ExpansionResult> {
  const capacityBytes = expandedBytes(volume, range, await grownSizes(parts, volume), maximumBytes);
  // Once grown, the lost part of an image would read as zeros, and the loss could no longer be detected.
  await checkNothingLost(parts, volume);
  await parts.onStep('expand: checked');
  // In turn, so that limits are not compared with a record that is about to change.
  const grown = await withErrorKinds(growthKinds, () =>
    parts.holds.recording.inTurn(volume.id, () => growContent(parts, volume, capacityBytes)),
  );
  return { volume: grown, needsNodeExpansion: volume.content.backend === 'image' };
}

/**
 * Grows the device of a staged image, and the file system on it, to the size of the image (CSI specification,
 * NodeExpandVolume). Other volumes need nothing.
 * @param path where the volume is mounted
 * @param given the key of an encrypted volume, if the request has one
 * @returns the size of the volume in bytes; undefined if its file system will only fill the image at the next stage
 */
export function expandStaged(
  parts: Parts<'catalogue' | 'host' | 'holds' | 'settings' | 'onStep'>,
  volume: HeldVolume,
  path: string,
  given?: Buffer,
): Promise<bigint | undefined> {
  return withErrorKinds(stagedKinds, () =>
    parts.holds.changing.during(volume.id, () => expandStagedNow(parts, volume, path, given)),
  );
}

async function expandStagedNow(
  parts: Parts<'catalogue' | 'host' | 'settings' | 'onStep'>,
  volume: Volume,
  path: string,
  given: Buffer | undefined,
): Promise<bigint | undefined> {
  if (volume.content.backend !== 'image') return volume.capacityBytes;
  const image = await imageOf(parts, volume);
  const device = await parts.host.devices.find(image);
  if (!device) return volume.capacityBytes;
  const { capacityBytes } = await reconcileSize(parts, volume);
  // Only the growth of a device needs a key, and this may be a repeated call.
  const key = encryptionOf(volume.content) ? (given ?? (await parts.host.nodeKey())) : undefined;
  await parts.host.devices.refreshSize(image, key);
  await parts.onStep('expand: device grown');
  if (isBlock(volume.content)) return capacityBytes;
  const fsType = await contentsAt(parts.host, volume, image, device);
  if (!isFileSystem(fsType)) return capacityBytes;
  const { isGrown } = await withPoolInErrors(volume, () => parts.host.fileSystems.grow(path, device, fsType));
  await parts.onStep('expand: file system grown');
  return isGrown ? capacityBytes : undefined;
}

// The resizer and the kubelet read these (docs/decisions/0031-final-codes.md). After RESOURCE_EXHAUSTED they assume
// that the expansion may still be in progress, and a claim could never be lowered again. After FAILED_PRECONDITION
// they wait until no pod uses the volume, which restores neither quotas nor room.
const stagedKinds = { exhausted: 'out-of-range' } as const;
const growthKinds = { ...stagedKinds, precondition: 'unavailable' } as const;

/** Runs `work` and maps the kinds of its errors. */
async function withErrorKinds<T>(
  kinds: Readonly<Partial<Record<VolumeErrorKind, VolumeErrorKind>>>,
  work: () => Promise<T>,
): Promise<T> {
  try {
    return await work();
  } catch (error) {
    const kind = error instanceof VolumeError && kinds[error.kind];
    throw kind ? withErrorChanges(error, { kind }) : error;
  }
}

/** Expands a volume on the node wherever it is mounted now; an unmounted volume is expanded when it is staged. */
export async function expandMounted(
  parts: Parts<'catalogue' | 'host' | 'holds' | 'settings' | 'onStep'>,
  volume: HeldVolume,
  given?: Buffer,
): Promise<void> {
  const [mount] = await parts.host.mountIndex.verifiedMountsOf(volume.id);
  if (mount || isBlock(volume.content)) await expandStaged(parts, volume, mount?.path ?? '', given);
}

function expandedBytes(
  { id, capacityBytes }: Volume,
  range: CapacityRange,
  steps: SizeSteps,
  maximumBytes: bigint,
): bigint {
  if (range.requiredBytes > maximumBytes) {
    const message = `${range.requiredBytes} exceeds the maximum volume size of ${maximumBytes} bytes`;
    throw new VolumeError('out-of-range', message, { about: 'requiredBytes' });
  }
  if (range.requiredBytes > capacityBytes)
    return sizeInRange(range, range.requiredBytes, steps, maximumBytes);
  if (fitsRange(capacityBytes, range, steps.unitBytes)) return capacityBytes;
  const message = `volume ${quote(id)} has ${capacityBytes} bytes and cannot shrink`;
  throw new VolumeError('out-of-range', message, { about: 'limitBytes' });
}
