import { DiskError, quote, VolumeError } from '../errors.ts';
import { inspectPath } from '../find/staged-content.ts';
import type { Finding } from '../objects/finding.ts';
import type { Volume } from '../objects/volume.ts';
import type { Host, Parts } from '../parts.ts';
import type { MountedPath } from '../ports/mounts-port.ts';
import type { PathState } from '../ports/paths-port.ts';
import type { Watch } from '../state/activity.ts';
import { expectedMountHealth } from './expected-mount-health.ts';
import { type ExpectedMount, expectedMounts, type HealthPaths } from './expected-mounts.ts';
import { reportUnreadable } from './pool-health.ts';
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
    const health = await volumeHealth(parts, volumeId);
    const paths = resolvePaths();
    if (!health.volume) return health;
    const mounts = await mountHealth(parts, health.volume, paths, watch);
    return { ...health, findings: [...health.findings, ...mounts] };
  });
}

async function mountHealth(
  parts: Parts<'catalogue' | 'host'>,
  volume: Volume,
  paths: HealthPaths,
  watch: Watch,
): Promise<Finding[]> {
  // Findings at paths that another call works on would be discarded.
  const expected = expectedMounts(parts.host, volume, paths).filter(({ path }) => watch.isAtRest(path));
  const states = await Promise.allSettled(expected.map((expected) => stateAt(parts.host, expected)));
  // Read after the state of each place is known, so that its mount is in the list; and only once, since it is long.
  const list = expected.length > 0 ? await parts.host.mounts.list() : [];
  const checks = expected.map(async (expected, index) => {
    const check = async () => {
      const state = fulfilled(states[index]);
      return expectedMountHealth(parts, volume, { expected, state, mount: mountOf(state, list) });
    };
    const problem = `volume ${quote(volume.id)} cannot be checked`;
    const findings = await reportUnreadable(quote(expected.path), check, { problem, path: expected.path });
    return watch.isAtRest(expected.path) ? findings : [];
  });
  return distinct((await Promise.all(checks)).flat());
}

/** The state of a path. If a path in the index cannot be resolved any more, the volume is not there. */
async function stateAt(host: Host, { path, requestField }: ExpectedMount): Promise<PathState> {
  if (requestField !== undefined) return inspectPath(host, requestField, path);
  try {
    return await host.paths.inspect(path);
  } catch (error) {
    if (error instanceof VolumeError && !(error instanceof DiskError)) return { kind: 'absent' };
    throw error;
  }
}

function fulfilled<T>(settled: PromiseSettledResult<T> | undefined): T {
  if (settled?.status === 'fulfilled') return settled.value;
  throw settled?.reason;
}

function mountOf(state: PathState, list: readonly MountedPath[]): MountedPath | undefined {
  return state.kind === 'mounted' ? list.find(({ mountId }) => mountId === state.mountId) : undefined;
}

/** A missing device is missing for every path. */
function distinct(findings: readonly Finding[]): Finding[] {
  return [...new Map(findings.map((each) => [each.message, each])).values()];
}
