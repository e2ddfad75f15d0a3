import { type KubernetesObject, objectName } from './persistent-volumes.ts';
import type { SnapshotReport } from './report.ts';

/** The driver and the node that the objects are for. */
export interface SnapshotTarget {
  readonly driverName: string;
  /** By which the snapshot controllers of several nodes know whose a content is. */
  readonly nodeId: string;
  /** The namespace of the VolumeSnapshot. */
  readonly namespace: string;
}

/** A VolumeSnapshotContent for a snapshot that exists, and its VolumeSnapshot. It is kept when they are deleted. */
export function snapshotObjects(
  snapshot: SnapshotReport,
  { driverName, nodeId, namespace }: SnapshotTarget,
): KubernetesObject[] {
  const name = objectName(snapshot);
  const apiVersion = 'snapshot.storage.k8s.io/v1';
  return [
    {
      apiVersion,
      kind: 'VolumeSnapshotContent',
      metadata: { name, labels: { 'snapshot.storage.kubernetes.io/managed-by': nodeId } },
      spec: {
        deletionPolicy: 'Retain',
        driver: driverName,
        source: { snapshotHandle: snapshot.id },
        volumeSnapshotRef: { name, namespace },
      },
    },
    {
      apiVersion,
      kind: 'VolumeSnapshot',
      metadata: { name, namespace },
      spec: { source: { volumeSnapshotContentName: name } },
    },
  ];
}
