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
 * The health of a volume on this node (CSI specification, NodeGetVolumeHealth): where it lies, and where it is mounted.
 * Of a path that anybody works on from the moment of the call nothing is told. It takes no lock.
 * @param resolvePaths answers the paths of the request; called when it is known that there is such a volume
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
  // Where anybody works, nothing that is seen would be told.
  const places = mountPlaces(model, volume, paths).filter(({ path }) => watch.isAtRest(path));
  const states = await Promise.allSettled(places.map((place) => stateAt(model, place)));
  // Read after what is mounted at each place is known, so that it is in the list; and once, since it is long.
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

/** What is at a place. Where a path that the driver remembers cannot be walked any more, nothing of the volume is. */
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

/** A device that is missing is missing for every path. */
function distinct(findings: readonly Finding[]): Finding[] {
  return [...new Map(findings.map((each) => [each.message, each])).values()];
}
