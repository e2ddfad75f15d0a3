import { DiskError, quote, VolumeError } from '../errors.ts';
import { inspectPath } from '../find/staged-content.ts';
import type { Finding } from '../objects/finding.ts';
import type { Volume } from '../objects/volume.ts';
import type { MountedPath, PathState } from '../ports/mounts-port.ts';
import type { Watch } from '../state/in-work.ts';
import type { Model } from '../state/model.ts';
import { orUnreadable } from './look-errors.ts';
import { type HealthPaths, type MountPlace, mountPlaces } from './mount-places.ts';
import { placeHealth } from './place-health.ts';
import { type VolumeHealth, volumeHealth } from './volume-health.ts';

/**
 * The health of a volume on this node (CSI specification, NodeGetVolumeHealth): of its content and its mounts. Paths
 * that any other call works on after this call began are not reported. Takes no lock.
 * @param resolvePaths returns the paths of the request; called when the volume is known to exist
 * @throws VolumeError not-found: no such volume; invalid: a path of the request
 */
export function nodeVolumeHealth(
  model: Model,
  volumeId: string,
  resolvePaths: () => HealthPaths,
): Promise<VolumeHealth> {
  return model.pathsInWork.watch(async (watch) => {
    const health = await volumeHealth(model, volumeId);
    const paths = resolvePaths();
    if (!health.volume) return health;
    const mounts = await mountHealth(model, health.volume, paths, watch);
    return { ...health, findings: [...health.findings, ...mounts] };
  });
}

async function mountHealth(
  model: Model,
  volume: Volume,
  paths: HealthPaths,
  watch: Watch,
): Promise<Finding[]> {
  // Findings at paths that another call works on would be discarded.
  const places = mountPlaces(model, volume, paths).filter(({ path }) => watch.isAtRest(path));
  const states = await Promise.allSettled(places.map((place) => stateAt(model, place)));
  // Read after the state of each place is known, so that its mount is in the list; and only once, since it is long.
  const list = places.length > 0 ? await model.mounts.list() : [];
  const looks = places.map(async (place, index) => {
    const look = async () => {
      const state = fulfilled(states[index]);
      return placeHealth(model, volume, { place, state, mount: mountOf(state, list) });
    };
    const what = `volume ${quote(volume.id)} cannot be looked at`;
    const findings = await orUnreadable(quote(place.path), look, { what, path: place.path });
    return watch.isAtRest(place.path) ? findings : [];
  });
  return distinct((await Promise.all(looks)).flat());
}

/** The state of a place. If a path in the index cannot be resolved any more, the volume is not there. */
async function stateAt(model: Model, { path, asked }: MountPlace): Promise<PathState> {
  if (asked !== undefined) return inspectPath(model, asked, path);
  try {
    return await model.mounts.inspect(path);
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
