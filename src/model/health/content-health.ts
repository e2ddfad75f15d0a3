import { contentInfoOf, describeDefect, hasFileSystem, lossOfVolume } from '../content/content-defects.ts';
import { quote, VolumeError } from '../errors.ts';
import { encryptionOf } from '../objects/encryption.ts';
import { type Finding, finding } from '../objects/finding.ts';
import { isBlock, isCapacityEnforced, type Volume } from '../objects/volume.ts';
import type { Parts } from '../parts.ts';
import type { ContentFault, VolumeUsage } from '../ports/ports.ts';
import type { Catalogue } from '../state/catalogue.ts';
import { imageHealth } from './image-health.ts';
import { ownUsage } from './own-usage.ts';
import { nearlyFull, whyUnreachable } from './pool-health.ts';
import type { SharedChecks } from './shared-checks.ts';

/** The problems of a volume's content, in a pool that was reachable a moment ago. */
export async function contentHealth(
  parts: Parts<'catalogue' | 'host' | 'recounts' | 'holds'>,
  volume: Volume,
  shared: SharedChecks,
): Promise<readonly Finding[]> {
  const { space } = await shared.healthOf(parts.catalogue.pools.of(volume));
  const lost = await confirmedLoss(parts, volume);
  if (lost) return [lost];
  const faults = await faultsOf(parts.catalogue, volume);
  const sizes = faults.some(({ kind }) => kind === 'not-held')
    ? space
    : await sizeHealth(parts, volume, space);
  return [
    ...(await unusableFileSystem(parts, volume)),
    ...(await imageHealth(parts, volume, shared)),
    ...(await leftFrozenHealth(parts, volume)),
    ...faults.map(({ kind, message }) => finding(reasonOfFault[kind], message)),
    ...sizes,
    ...parts.recounts.check(volume, sizes.length > 0),
  ];
}

/**
 * The lost part of the volume's content. If the disk is gone, its content seems to be missing too, so this checks the
 * disk again, and then the content.
 */
async function confirmedLoss(
  parts: Parts<'catalogue' | 'host'>,
  volume: Volume,
): Promise<Finding | undefined> {
  if (!(await lossOf(parts, volume))) return undefined;
  return (await whyUnreachable(parts.catalogue.pools.of(volume))) ?? (await lossOf(parts, volume));
}

async function lossOf(parts: Parts<'catalogue' | 'host'>, volume: Volume): Promise<Finding | undefined> {
  const loss = await lossOfVolume(parts, volume);
  if (!loss) return undefined;
  const reason = loss.kind === 'missing' ? 'DataMissing' : 'ImageTruncated';
  return finding(reason, describeDefect(contentInfoOf(parts.catalogue, volume), loss));
}

async function unusableFileSystem(parts: Parts<'catalogue' | 'host'>, volume: Volume): Promise<Finding[]> {
  if (!hasFileSystem(volume.content)) return [];
  const name = `volume ${quote(volume.id)}`;
  const image = parts.catalogue.dataOf(volume).path;
  const found = await parts.host.formatter.inspect(image);
  // What is encrypted is only seen when it is staged.
  if (found === 'luks2' && encryptionOf(volume.content)) return [];
  if (found === 'unknown' || found === 'luks2') {
    const message = `${name} contains an unrecognised file system or data and cannot be staged`;
    return [finding('FileSystemUnknown', message)];
  }
  const reason = await parts.host.formatter.mountRefusalReason(image);
  if (reason === undefined) return [];
  return [finding('FileSystemRefused', `the ${found} file system of ${name} is refused: ${reason}`)];
}

/**
 * A mark outlives its copy if the file system could not be thawed, or the mark not removed. The kernel shows whether
 * a file system is frozen only to a caller that thaws it, so the check thaws it, and reports a finding if that fails.
 */
async function leftFrozenHealth(parts: Parts<'catalogue' | 'holds'>, volume: Volume): Promise<Finding[]> {
  if (!hasFileSystem(volume.content)) return [];
  const pool = parts.catalogue.pools.of(volume);
  const isMarked = await pool.freezeMarks.has(volume.id);
  // While a copy is in progress, the mark is the copy's. No copy begins from here on until the thaw has ended.
  if (!isMarked || parts.holds.freezing.has(volume.id)) return [];
  if (await parts.holds.thawing.during(volume.id, () => pool.thawMarked(volume.id))) return [];
  const message = `the file system of volume ${quote(volume.id)} was frozen for a copy and cannot be thawed; writers may hang`;
  return [finding('Frozen', message)];
}

const reasonOfFault = { 'not-held': 'CapacityNotEnforced', 'read-only': 'UnexpectedlyReadOnly' } as const;

/** How the content differs from its record: after a restore by hand, it may be of another kind. */
function faultsOf(catalogue: Catalogue, volume: Volume): Promise<readonly ContentFault[]> {
  return catalogue.dataOf(volume).faults();
}

/**
 * Whether the capacity of the volume is enforced, and how full it is. A full block volume is normal; a volume without
 * a limit is as full as its disk.
 */
async function sizeHealth(
  parts: Parts<'catalogue' | 'host' | 'holds'>,
  volume: Volume,
  space: readonly Finding[],
): Promise<readonly Finding[]> {
  const name = `volume ${quote(volume.id)}`;
  if (!isCapacityEnforced(volume.content)) {
    const message = `the capacity of ${name} (${volume.capacityBytes} bytes) is not enforced: it may fill the disk of pool ${quote(volume.pool)}`;
    return [finding('CapacityNotEnforced', message), ...space];
  }
  if (isBlock(volume.content)) return [];
  const usage = await limitedUsage(parts, volume);
  if (usage instanceof VolumeError) return [finding('CapacityNotEnforced', usage.message), ...space];
  return usage ? nearlyFull(name, usage) : [];
}

/** The space of a volume, or why its limit is not in force; undefined if it is unknown at the moment. */
async function limitedUsage(
  parts: Parts<'catalogue' | 'host' | 'holds'>,
  volume: Volume,
): Promise<VolumeUsage | VolumeError | undefined> {
  try {
    return await ownUsage(parts, volume);
  } catch (error) {
    if (error instanceof VolumeError && error.kind === 'precondition') return error;
    throw error;
  }
}
