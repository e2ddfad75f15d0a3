import type { Parts } from '../parts.ts';
import type { HealthPaths } from './expected-mounts.ts';
import { fulfilled, mountHealth } from './mount-health.ts';
import { SharedChecks } from './shared-checks.ts';
import { type VolumeHealth, volumeHealth } from './volume-health.ts';

/**
 * The health of a volume on this node (CSI specification, NodeGetVolumeHealth): of its content and its mounts. Paths
 * that any other call works on after this call began are not reported. Takes no lock.
 * @param resolvePaths returns the paths of the request; called when the volume is known to exist
 * @throws VolumeError not-found: no such volume; invalid: a path of the request
 */
export function nodeVolumeHealth(
  parts: Parts<'catalogue' | 'host' | 'recounts' | 'holds'>,
  volumeId: string,
  resolvePaths: () => HealthPaths,
): Promise<VolumeHealth> {
  return parts.holds.mounting.watch(async (watch) => {
    const shared = new SharedChecks(parts.host);
    const health = await volumeHealth(parts, volumeId, shared);
    const paths = resolvePaths();
    if (!health.volume) return health;
    const [mounts] = await mountHealth(parts, [{ volume: health.volume, paths }], { watch, shared });
    return { ...health, findings: [...health.findings, ...fulfilled(mounts)] };
  });
}
