import { VolumeError } from '../errors.ts';

/** The segments of one place (CSI specification, Topology). */
export type TopologySegments = Readonly<Record<string, string>>;

/** The key under which a node tells its place, the same as that of the Go reference driver. */
export const topologyKey = 'topology.hostpath.csi/node';

/** Whether a place that a request names is this node: every segment it names must be one of ours. */
export function isOurPlace(wanted: TopologySegments, ours: TopologySegments): boolean {
  return Object.entries(wanted).every(([key, value]) => ours[key] === value);
}

/** Whether one of the places listed is this node; where none is listed, any will do. */
export function isAccessible(requisite: readonly TopologySegments[], ours: TopologySegments): boolean {
  return requisite.length === 0 || requisite.some((place) => isOurPlace(place, ours));
}

/**
 * Checks the accessibility requirements of a create (CSI specification, TopologyRequirement): where requisite
 * places are listed, one of them must be ours. Preferred places alone exclude nothing.
 * @throws VolumeError exhausted, which the provisioner takes as "try another node"
 */
export function checkAccessibility(requisite: readonly TopologySegments[], ours: TopologySegments): void {
  if (isAccessible(requisite, ours)) return;
  throw new VolumeError(
    'exhausted',
    `none of the ${requisite.length} places listed is this node, ${JSON.stringify(ours)}`,
    { about: 'topology' },
  );
}
