import type { HealthPaths } from '../health/expected-mounts.ts';
import { fulfilled, mountHealth } from '../health/mount-health.ts';
import type { SharedChecks } from '../health/shared-checks.ts';
import type { Finding } from '../objects/finding.ts';
import type { Volume } from '../objects/volume.ts';
import type { Parts } from '../parts.ts';
import type { Pool } from '../ports/pool.ts';

const noPaths: HealthPaths = { stagingPath: undefined, publishPath: undefined };

/** Returns the problems of a volume's mounts. @throws the error that prevented their check, if it is a bug */
export type MountFindings = (volumeId: string) => readonly Finding[];

/**
 * Checks the mounts of all volumes in a pool, as far as this driver knows them. Mounts that do not answer delay this by a
 * few seconds, and only the first survey. The mounts of a pool that is unreachable are not looked at.
 */
export async function surveyMounts(
  parts: Parts<'catalogue' | 'host' | 'holds'>,
  pool: Pool,
  shared: SharedChecks,
): Promise<MountFindings> {
  const { isReachable, findings } = await shared.healthOf(pool);
  if (!isReachable) return () => [];
  const isPoolReadOnly = findings.some(({ reason }) => reason === 'PoolReadOnly');
  return parts.holds.mounting.watch(async (watch) => {
    const volumes = mountedIn(parts, pool);
    const checks = volumes.map((volume) => ({ volume, paths: noPaths }));
    const results = await mountHealth(parts, checks, { watch, shared });
    const byId = new Map(volumes.map((volume, index) => [volume.id, { volume, result: results[index] }]));
    return (id) => {
      const known = byId.get(id);
      if (!known) return [];
      const all = fulfilled(known.result);
      return isPoolReadOnly ? all.filter((each) => !isOfPool(each, known.volume)) : all;
    };
  });
}

function mountedIn({ catalogue, host }: Parts<'catalogue' | 'host'>, pool: Pool): Volume[] {
  return catalogue.volumes
    .idsIn(pool.name)
    .filter((id) => host.mountIndex.mountsOf(id).length > 0)
    .flatMap((id) => catalogue.volumes.findIntact(id) ?? []);
}

/** Whether it is the same problem as that of its pool, which cannot be written; an image has a file system of its own. */
function isOfPool({ reason }: Finding, { content }: Volume): boolean {
  return reason === 'UnexpectedlyReadOnly' && content.backend !== 'image';
}
