import type { PathSubject } from '../errors.ts';
import type { Volume } from '../objects/volume.ts';
import type { Host } from '../parts.ts';
import type { KnownMount } from '../state/mount-index.ts';

/** The paths of a volume in a request, resolved by MountPaths. */
export interface HealthPaths {
  readonly stagingPath: string | undefined;
  readonly publishPath: string | undefined;
}

/** A path where a volume should be mounted, or may be. */
export interface ExpectedMount {
  readonly path: string;
  readonly isStaging: boolean;
  /** The field of the request; undefined for a path in the mount index. */
  readonly requestField: PathSubject | undefined;
  /** The mount there according to the index. */
  readonly known: KnownMount | undefined;
  /**
   * Whether the volume must be there: the CO says so, or the driver has mounted it and no call has asked to unmount it.
   */
  readonly isRequired: boolean;
}

/**
 * The places at which to check a volume: those in the request, and those in the index, each once. A directory inside
 * the volume that is mounted elsewhere is the kubelet's business.
 */
export function expectedMounts(
  { mountIndex }: Host,
  volume: Volume,
  { stagingPath, publishPath }: HealthPaths,
): ExpectedMount[] {
  const known = mountIndex.mountsOf(volume.id).filter(({ use }) => use.kind !== 'inside');
  const knownAt = (path: string) => known.find((mount) => mount.path === path);
  const mounts: ExpectedMount[] = [];
  const add = (expected: ExpectedMount) => {
    if (!mounts.some(({ path }) => path === expected.path)) mounts.push(expected);
  };
  for (const [path, requestField] of [
    [stagingPath, 'stagingPath'],
    [publishPath, 'targetPath'],
  ] as const) {
    if (path === undefined) continue;
    const isStaging = requestField === 'stagingPath';
    add({ path, isStaging, requestField, known: knownAt(path), isRequired: true });
  }
  for (const mount of known) {
    const { kind } = mount.use;
    // A mount found at start may not be the driver's, and its owner may unmount it without a call.
    const isRequired = kind !== 'found';
    add({
      path: mount.path,
      isStaging: kind === 'staging',
      requestField: undefined,
      known: mount,
      isRequired,
    });
  }
  return mounts;
}
