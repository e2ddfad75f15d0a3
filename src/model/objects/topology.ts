import { VolumeError } from '../errors.ts';

/** The segments of a topology (CSI specification, Topology). */
export type TopologySegments = Readonly<Record<string, string>>;

/** The key under which a node reports its topology, the same as in the Go reference driver. */
export const topologyKey = 'topology.hostpath.csi/node';

/** Whether a requested topology is this node: it must have every requested segment. */
export function matchesTopology(wanted: TopologySegments, nodeTopology: TopologySegments): boolean {
  return Object.entries(wanted).every(([key, value]) => nodeTopology[key] === value);
}

/** Whether one of the requisite topologies is this node; if there are none, any will do. */
export function isAccessible(
  requisite: readonly TopologySegments[],
  nodeTopology: TopologySegments,
): boolean {
  return requisite.length === 0 || requisite.some((segments) => matchesTopology(segments, nodeTopology));
}

/**
 * Checks the accessibility requirements of a create (CSI specification, TopologyRequirement): if there are requisite
 * topologies, one of them must be this node. Preferred topologies alone exclude nothing.
 * @throws VolumeError exhausted, which makes the provisioner try another node
 */
export function checkAccessibility(
  requisite: readonly TopologySegments[],
  nodeTopology: TopologySegments,
): void {
  if (isAccessible(requisite, nodeTopology)) return;
  throw new VolumeError(
    'exhausted',
    `none of the ${requisite.length} requested topologies matches this node, ${JSON.stringify(nodeTopology)}`,
    { about: 'topology' },
  );
}
