import { parseObjectId } from '../model/objects/object-id.ts';
import type { ClusterVolume } from './cluster-volumes.ts';
import type { Problem } from './problems.ts';
import type { StatusReport, VolumeReport } from './report.ts';
import { titleOf } from './title.ts';

/** Until then, the provisioner may not have made the PersistentVolume of a new volume; it tries again for minutes. */
const NEW_FOR_MS = 15 * 60 * 1000;

/**
 * Volumes of these pools without a PersistentVolume, and PersistentVolumes whose volumes should be in these pools, and are not.
 * @param now when the PersistentVolumes were listed, or later
 */
export function orphansIn(report: StatusReport, cluster: readonly ClusterVolume[], now: Date): Problem[] {
  const handles = new Set(cluster.map(({ handle }) => handle));
  const lonely = report.volumes.filter(
    ({ id, isInline, createdAt }) =>
      !isInline && !handles.has(id) && now.getTime() - Date.parse(createdAt) > NEW_FOR_MS,
  );
  return [...lonely.map(withoutObject), ...cluster.flatMap((volume) => withoutVolume(volume, report))];
}

function withoutObject(volume: VolumeReport): Problem {
  const { id, pool } = volume;
  return {
    subject: `volume ${titleOf(volume)}`,
    problem: `no PersistentVolume has its id ${id}; its data is in pool ${pool}`,
    remedy:
      "csi-hostpath export prints a PersistentVolume for it. If the data is not wanted, delete the volume with the driver's DeleteVolume (docs/guides/nodes/returned.md).",
  };
}

/** None if the volume exists, or may exist: on another node, or in a pool that cannot be reached now. */
function withoutVolume(
  { name, handle, claim, driver, nodes, isBeingDeleted }: ClusterVolume,
  { driver: running, pools, volumes, retained, damaged }: StatusReport,
): Problem[] {
  const known = [volumes, retained, damaged].flat();
  if (isBeingDeleted || known.some(({ id }) => id === handle)) return [];
  const poolId = parseObjectId(handle)?.poolId;
  const pool = pools.find(({ id }) => id === poolId);
  const isOfNode = running?.name === driver && nodes.includes(running.nodeId);
  if (pool ? !pool.isReachable : !isOfNode) return [];
  const missing = pool ? `is not in pool ${pool.name}` : 'is in none of the pools of this node';
  const user = claim ? ` (claim ${claim.namespace}/${claim.name})` : '';
  return [
    {
      subject: `PersistentVolume ${name}`,
      problem: `its volume ${handle} ${missing}${user}`,
      remedy: 'Restore the volume from a backup, or delete the claim and the PersistentVolume.',
    },
  ];
}
