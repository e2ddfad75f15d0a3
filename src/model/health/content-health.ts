import { describeDefect, hasFileSystem, lossOfVolume, subjectOf } from '../content/content-defects.ts';
import { quote, VolumeError } from '../errors.ts';
import { contentPathOf } from '../find/staged-content.ts';
import { type Finding, finding } from '../objects/finding.ts';
import { isBlock, isCapacityEnforced, type Volume } from '../objects/volume.ts';
import type { ContentFault, VolumeUsage } from '../ports/ports.ts';
import type { Model } from '../state/model.ts';
import { imageHealth } from './image-health.ts';
import { mountedUsage } from './mounted-usage.ts';
import { nearlyFull } from './nearly-full.ts';
import { type PoolHealth, whyUnreachable } from './pool-health.ts';

/** The problems of a volume's content, in a pool that was reachable a moment ago. */
export async function contentHealth(
  model: Model,
  volume: Volume,
  { space }: PoolHealth,
): Promise<readonly Finding[]> {
  const lost = await confirmedLoss(model, volume);
  if (lost) return [lost];
  const faults = await faultsOf(model, volume);
  const sizes = faults.some(({ kind }) => kind === 'not-held')
    ? space
    : await sizeHealth(model, volume, space);
  return [
    ...(await unusableFileSystem(model, volume)),
    ...(await imageHealth(model, volume)),
    ...(await leftFrozen(model, volume)),
    ...faults.map(({ kind, message }) => finding(reasonOfFault[kind], message)),
    ...sizes,
    ...model.recounts.look(volume, sizes.length > 0),
  ];
}

/**
 * The lost part of the volume's content. If the disk is gone, its content seems to be missing too, so this checks the
 * disk again, and then the content.
 */
async function confirmedLoss(model: Model, volume: Volume): Promise<Finding | undefined> {
  if (!(await lossOf(model, volume))) return undefined;
  return (await whyUnreachable(model.pools.of(volume))) ?? (await lossOf(model, volume));
}

async function lossOf(model: Model, volume: Volume): Promise<Finding | undefined> {
  const loss = await lossOfVolume(model, volume);
  if (!loss) return undefined;
  const reason = loss.kind === 'missing' ? 'DataMissing' : 'ImageTruncated';
  return finding(reason, describeDefect(subjectOf(model, volume), loss));
}

async function unusableFileSystem(model: Model, volume: Volume): Promise<Finding[]> {
  if (!hasFileSystem(volume.content)) return [];
  const name = `volume ${quote(volume.id)}`;
  const image = contentPathOf(model, volume);
  const found = await model.formatter.inspect(image);
  if (found === 'unknown') {
    const message = `${name} holds something that is no file system of this driver, so it cannot be staged`;
    return [finding('FileSystemUnknown', message)];
  }
  const objection = await model.formatter.objectionTo(image);
  if (objection === undefined) return [];
  return [finding('FileSystemRefused', `the ${found} of ${name} is not mounted: ${objection}`)];
}

/**
 * A mark outlives its copy if the file system could not be thawed, or the mark not removed. The kernel shows whether
 * a file system is frozen only to a caller that thaws it, so the check thaws it, and reports a finding if that fails.
 */
async function leftFrozen(model: Model, volume: Volume): Promise<Finding[]> {
  if (!hasFileSystem(volume.content)) return [];
  const pool = model.pools.of(volume);
  const isMarked = await pool.freezeMarks.has(volume.id);
  // While a copy is in progress, the mark is the copy's. No copy begins from here on until the thaw has ended.
  if (!isMarked || model.frozen.has(volume.id)) return [];
  if (await model.thawing.during(volume.id, () => pool.thawMarked(volume.id))) return [];
  const message = `the file system of volume ${quote(volume.id)} was frozen for a copy and cannot be thawed: writers may hang`;
  return [finding('Frozen', message)];
}

const reasonOfFault = { 'not-held': 'CapacityNotEnforced', 'read-only': 'UnexpectedlyReadOnly' } as const;

/** How the content differs from its record: after a restore by hand, it may be of another kind. */
function faultsOf(model: Model, volume: Volume): Promise<readonly ContentFault[]> {
  const { records, backends } = model.pools.of(volume);
  return backends[volume.content.backend].faultsOf(records.volumes.directoryOf(volume.id), volume);
}

/**
 * Whether the capacity of the volume is enforced, and how full it is. A full block volume is normal; a volume without
 * a limit is as full as its disk.
 */
async function sizeHealth(
  model: Model,
  volume: Volume,
  space: readonly Finding[],
): Promise<readonly Finding[]> {
  const name = `volume ${quote(volume.id)}`;
  if (!isCapacityEnforced(volume.content)) {
    const message = `nothing holds ${name} to its ${volume.capacityBytes} bytes: it may fill the disk of pool ${quote(volume.pool)}`;
    return [finding('CapacityNotEnforced', message), ...space];
  }
  if (isBlock(volume.content)) return [];
  const usage = await usageOf(model, volume);
  if (usage instanceof VolumeError) return [finding('CapacityNotEnforced', usage.message), ...space];
  return usage ? nearlyFull(name, usage) : [];
}

/** The space of a volume, or why its limit is not in force; undefined if it is unknown at the moment. */
async function usageOf(model: Model, volume: Volume): Promise<VolumeUsage | VolumeError | undefined> {
  if (volume.content.backend === 'image') return mountedUsage(model, volume);
  const { records, backends } = model.pools.of(volume);
  try {
    return await backends[volume.content.backend].usage(records.volumes.directoryOf(volume.id), volume);
  } catch (error) {
    if (error instanceof VolumeError && error.kind === 'precondition') return error;
    throw error;
  }
}
