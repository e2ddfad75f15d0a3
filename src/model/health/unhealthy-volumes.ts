import { VolumeError } from '../errors.ts';
import type { Parts } from '../parts.ts';
import { listPosition } from '../requests/list-position.ts';
import { SharedChecks } from './shared-checks.ts';
import { type VolumeHealth, volumeHealth } from './volume-health.ts';

// Enough to keep a disk busy, and few enough not to starve other calls.
const MAX_CONCURRENT_CHECKS = 16;

/**
 * Up to `limit` unhealthy volumes, including damaged ones, after a position in lists, in order (CSI specification,
 * ControllerListVolumeHealth). Checks volumes until it has found that many.
 */
export async function unhealthyAfter(
  parts: Parts<'catalogue' | 'host' | 'recounts' | 'holds'>,
  position: string,
  limit: number,
): Promise<VolumeHealth[]> {
  const shared = new SharedChecks(parts.host);
  const unhealthy: VolumeHealth[] = [];
  let last = position;
  while (unhealthy.length < limit) {
    const ids = parts.catalogue.volumes.idsAfter(last, MAX_CONCURRENT_CHECKS);
    const checks = ids.map((id) => volumeHealth(parts, id, shared).catch(undefinedIfDeleted));
    for (const health of await Promise.all(checks)) {
      if (health && health.findings.length > 0) unhealthy.push(health);
    }
    const lastOfThese = ids.at(-1);
    if (lastOfThese === undefined) break;
    last = listPosition(lastOfThese);
  }
  return unhealthy.slice(0, limit);
}

/** A volume deleted in the meantime is left out. */
function undefinedIfDeleted(error: unknown): undefined {
  if (!(error instanceof VolumeError && error.kind === 'not-found')) throw error;
}
