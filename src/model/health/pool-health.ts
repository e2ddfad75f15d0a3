import { DiskError, quote, VolumeError } from '../errors.ts';
import { isReadOnlyPool } from '../find/pool-writability.ts';
import { type AffectedPath, type Finding, finding } from '../objects/finding.ts';
import type { Host } from '../parts.ts';
import type { Usage } from '../ports/file-systems-port.ts';
import type { Pool, RecordedErrors } from '../ports/pool.ts';
import type { VolumeUsage } from '../ports/ports.ts';

/** The health of a pool as a whole. */
export interface PoolHealth {
  /** Problems that affect everything in it. */
  readonly findings: readonly Finding[];
  /** Problems with the space of its disk, which affect only volumes that have no space of their own. */
  readonly space: readonly Finding[];
  /** Deleted content that cannot be removed, which affects no existing volume. */
  readonly leftovers: readonly Finding[];
  /** Whether its contents can be examined. */
  readonly isReachable: boolean;
}

/** Checks a pool. Never rejects because the pool is gone, or its disk is broken. */
export async function poolHealth(host: Host, pool: Pool): Promise<PoolHealth> {
  const unreachable = await whyUnreachable(pool);
  const ofPool = (each: Finding) => ({ ...each, pool: pool.name });
  if (unreachable) return { findings: [ofPool(unreachable)], space: [], leftovers: [], isReachable: false };
  const name = `pool ${quote(pool.name)}`;
  const findings = await reportUnreadable(name, () => fileSystemFindings(host, pool));
  const space = await reportUnreadable(name, async () =>
    nearlyFull(`the disk of ${name}`, await pool.usage()),
  );
  return {
    findings: findings.map(ofPool),
    space: space.map(ofPool),
    leftovers: leftoversOf(pool).map(ofPool),
    isReachable: true,
  };
}

/** Every problem of a pool itself, whether or not it affects volumes. */
export function poolFindings({ findings, space, leftovers }: PoolHealth): Finding[] {
  return [...findings, ...space, ...leftovers];
}

/**
 * The problem of a configuration file that is not in force. The log has it in full since it was found.
 * @param problem undefined if there is none
 */
export function configFindings(problem: string | undefined): Finding[] {
  return problem === undefined ? [] : [finding('ConfigurationRefused', `configuration refused: ${problem}`)];
}

/** Why a pool is unreachable; undefined if it is reachable. */
export async function whyUnreachable(pool: Pool): Promise<Finding | undefined> {
  try {
    await pool.checkReachable();
    return undefined;
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    const message = error instanceof VolumeError ? why : `pool ${quote(pool.name)} cannot be opened: ${why}`;
    return finding('PoolUnreachable', message);
  }
}

async function fileSystemFindings(host: Host, pool: Pool): Promise<Finding[]> {
  const name = `pool ${quote(pool.name)}`;
  if (await isReadOnlyPool(host, pool)) return [finding('PoolReadOnly', `${name} is read-only`)];
  const errors = await pool.recordedErrors();
  return errors ? [finding('FileSystemErrors', describeErrors(name, errors))] : [];
}

function describeErrors(name: string, errors: RecordedErrors): string {
  // After an error some kernels refuse writes to an ext4 that they show as writable: Linux 6.1.176, for instance.
  if (errors.fsType === 'ext4')
    return `file system of ${name} has recorded ${errors.count} errors and may refuse writes; unmount and check it`;
  // A loop device learns of a failed write only once, and the file system in the image may never see it.
  return `btrfs of ${name} has counted errors of its disk (${errors.counters}); images may have lost data that was synced`;
}

function leftoversOf({ name, removals }: Pool): Finding[] {
  return removals.stuck.map(({ directory, reason }) => {
    const message = `pool ${quote(name)} cannot remove deleted content: ${reason} (in ${directory})`;
    return finding('DeletedContentLeft', message);
  });
}

/** A volume or disk is nearly full if at most one part in this many is still available. */
const NEARLY_FULL_FRACTION = 20n;

/** @param subject the owner of the space, for the message */
export function nearlyFull(subject: string, { bytes, inodes }: VolumeUsage): Finding[] {
  return [
    ...(isNearlyFull(bytes) ? [finding('NearlyOutOfSpace', describeUsage(subject, bytes, 'bytes'))] : []),
    ...(inodes && isNearlyFull(inodes)
      ? [finding('NearlyOutOfInodes', describeUsage(subject, inodes, 'inodes'))]
      : []),
  ];
}

/** File systems that allocate inodes dynamically report zeros, which does not mean full. */
function isNearlyFull({ total, available }: Usage): boolean {
  return total > 0n && available * NEARLY_FULL_FRACTION <= total;
}

function describeUsage(subject: string, { total, available }: Usage, unit: string): string {
  return `${subject} has ${available} of ${total} ${unit} left`;
}

/**
 * Runs `check`, and turns errors that prevent it into findings: a pool that has disappeared in the meantime, a disk
 * that answers with errors.
 * @param subject the examined object, for the message
 * @param where for a check of one of several paths
 */
export async function reportUnreadable(
  subject: string,
  check: () => Promise<readonly Finding[]>,
  where?: AffectedPath,
): Promise<readonly Finding[]> {
  try {
    return await check();
  } catch (error) {
    if (!(error instanceof DiskError) && error instanceof VolumeError && error.kind === 'unavailable')
      return [finding('PoolUnreachable', error.message)];
    if (error instanceof DiskError || isSystemError(error))
      return [finding('DiskError', `${subject} cannot be checked: ${error.message}`, where)];
    throw error;
  }
}

/** Whether the kernel returned the error. The error number makes no difference here. */
export function isSystemError(error: unknown): error is Error {
  return error instanceof Error && 'errno' in error && typeof error.errno === 'number';
}
