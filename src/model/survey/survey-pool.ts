import { VolumeError } from '../errors.ts';
import { writableBytesIn } from '../find/best-placement.ts';
import { ownUsage } from '../health/own-usage.ts';
import { isSystemError, poolFindings } from '../health/pool-health.ts';
import { SharedChecks } from '../health/shared-checks.ts';
import { volumeHealth } from '../health/volume-health.ts';
import type { Parts } from '../parts.ts';
import type { Pool } from '../ports/pool.ts';
import type { PoolState, VolumeState } from './pool-state.ts';
import { type MountFindings, surveyMounts } from './survey-mounts.ts';

// Fewer than other scans of every volume have: no call waits for all of it.
const MAX_CONCURRENT_VOLUMES = 4;

/** The parts that a survey needs. */
export type SurveyParts = Parts<
  'catalogue' | 'host' | 'recounts' | 'holds' | 'settings' | 'onFinding' | 'now'
>;

/** How a survey is done. */
export interface SurveyControl {
  /** Whether each volume is looked at. */
  readonly includesVolumes: boolean;
  /** Throws if the survey is to end. */
  readonly checkWanted: () => void;
  /** Called with an error that is a bug and concerns one volume, which is left out. */
  readonly onError: (error: unknown) => void;
}

/**
 * Finds out the state of a pool and its volumes, and writes each part of it into `state` as soon as it is known. The
 * findings are the same as those of the health calls, and are logged like them.
 * @throws the error of `checkWanted`; an error that is a bug and concerns the whole pool
 */
export async function surveyPool(
  parts: SurveyParts,
  pool: Pool,
  state: PoolState,
  control: SurveyControl,
): Promise<void> {
  const shared = new SharedChecks(parts.host);
  const health = await shared.healthOf(pool);
  control.checkWanted();
  state.isReachable = health.isReachable;
  state.findings = poolFindings(health);
  for (const each of state.findings) parts.onFinding({ pool: pool.name }, each);
  if (health.isReachable) {
    state.usage = await undefinedIfUnreadable(pool.usage());
    const placement = { pool, capacityClass: undefined };
    state.provisionableBytes = await undefinedIfUnreadable(writableBytesIn(parts, placement));
  }
  if (control.includesVolumes) await surveyVolumes(parts, pool, { shared, state, control });
}

async function surveyVolumes(
  parts: SurveyParts,
  pool: Pool,
  { shared, state, control }: { shared: SharedChecks; state: PoolState; control: SurveyControl },
): Promise<void> {
  const { isReachable } = await shared.healthOf(pool);
  const mountFindings = await surveyMounts(parts, pool, shared);
  control.checkWanted();
  const ids = parts.catalogue.volumes.idsIn(pool.name).values();
  const work = async () => {
    for (const id of ids) {
      const found = await surveyVolume(parts, id, { shared, isReachable, mountFindings }).catch(
        control.onError,
      );
      control.checkWanted();
      if (found) state.volumes.set(id, found);
    }
  };
  const workers = await Promise.allSettled(Array.from({ length: MAX_CONCURRENT_VOLUMES }, work));
  for (const worker of workers) if (worker.status === 'rejected') throw worker.reason;
}

/** What the checks of all volumes in a pool have in common. */
interface VolumeChecks {
  readonly shared: SharedChecks;
  readonly isReachable: boolean;
  readonly mountFindings: MountFindings;
}

/** @returns undefined for a volume that was deleted in the meantime */
async function surveyVolume(
  parts: SurveyParts,
  id: string,
  { shared, isReachable, mountFindings }: VolumeChecks,
): Promise<VolumeState | undefined> {
  try {
    const { volume, findings } = await volumeHealth(parts, id, shared);
    const own = [...findings.filter(({ pool }) => pool === undefined), ...mountFindings(id)];
    for (const each of own) parts.onFinding({ volumeId: id }, each);
    return {
      findings: own,
      usage: volume && isReachable ? await undefinedIfUnreadable(ownUsage(parts, volume)) : undefined,
    };
  } catch (error) {
    if (error instanceof VolumeError && error.kind === 'not-found') return undefined;
    throw error;
  }
}

/** What the disk answers; undefined if it cannot, which is among the findings. */
async function undefinedIfUnreadable<T>(answer: Promise<T>): Promise<T | undefined> {
  try {
    return await answer;
  } catch (error) {
    if (error instanceof VolumeError || isSystemError(error)) return undefined;
    throw error;
  }
}
