import type { PathSubject } from '../errors.ts';
import type { Volume } from '../objects/volume.ts';
import type { Model } from '../state/model.ts';
import type { KnownMount } from '../state/mount-index.ts';

/** Where a call says that a volume is; paths are resolved by MountPaths. */
export interface HealthPaths {
  readonly stagingPath: string | undefined;
  readonly publishPath: string | undefined;
}

/** A path where a volume should be mounted, or may be. */
export interface MountPlace {
  readonly path: string;
  readonly isStaging: boolean;
  /** Which path of the request it is; undefined where the driver remembers it. */
  readonly asked: PathSubject | undefined;
  /** What the driver knows to be there. */
  readonly known: KnownMount | undefined;
  /** Whether the volume must be there: the CO says so, or the driver has mounted it and was not told to take it down. */
  readonly isCertain: boolean;
}

/**
 * The places where a volume is to be looked for: those of the request, and those the driver knows of, each once. What
 * lies inside the volume and is mounted elsewhere is the kubelet's affair.
 */
export function mountPlaces(
  { mountIndex }: Model,
  volume: Volume,
  { stagingPath, publishPath }: HealthPaths,
): MountPlace[] {
  const known = mountIndex.of(volume.id).filter(({ use }) => use.kind !== 'inside');
  const knownAt = (path: string) => known.find((mount) => mount.path === path);
  const places: MountPlace[] = [];
  const add = (place: MountPlace) => {
    if (!places.some(({ path }) => path === place.path)) places.push(place);
  };
  for (const [path, asked] of [
    [stagingPath, 'stagingPath'],
    [publishPath, 'targetPath'],
  ] as const) {
    if (path === undefined) continue;
    const isStaging = asked === 'stagingPath';
    add({ path, isStaging, asked, known: knownAt(path), isCertain: true });
  }
  for (const mount of known) {
    const { kind } = mount.use;
    // What was found at start may be somebody else's, who may take it down without a call.
    const isCertain = kind !== 'found';
    add({ path: mount.path, isStaging: kind === 'staging', asked: undefined, known: mount, isCertain });
  }
  return places;
}
