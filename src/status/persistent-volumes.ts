import { nameHash } from '../model/objects/object-id.ts';
import type { StatusReport, VolumeReport } from './report.ts';

/** What Kubernetes accepts as a name. */
const OBJECT_NAME = /^[a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?$/;

/** A Kubernetes object, as `kubectl apply` takes it. */
export interface KubernetesObject {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: Readonly<Record<string, unknown>>;
  readonly spec: Readonly<Record<string, unknown>>;
}

/** The driver and the node that the objects are for: those of the report, if a driver made it. */
export interface ExportTarget {
  readonly driverName: string;
  readonly topology: Readonly<Record<string, string>>;
  /** The StorageClass of the claims. Empty for none, so that no provisioner cares about them. */
  readonly storageClass: string;
  /** The Secret with the key of encrypted volumes. */
  readonly secret?: { readonly namespace: string; readonly name: string } | undefined;
}

/**
 * A PersistentVolume for each volume, and its claim, if it is known: a cluster that was built anew finds its data by them. The
 * volumes are kept when their claims are deleted, until somebody changes that. Inline volumes are left out: they belong to pods.
 */
export function persistentVolumesIn(
  { volumes }: Pick<StatusReport, 'volumes'>,
  target: ExportTarget,
): KubernetesObject[] {
  return volumes
    .filter(({ isInline }) => !isInline)
    .flatMap((volume) => [persistentVolume(volume, target), ...claimOf(volume, target)]);
}

function persistentVolume(volume: VolumeReport, target: ExportTarget): KubernetesObject {
  const { id, claim, context, fsType } = volume;
  const { driverName, topology, storageClass, secret } = target;
  return {
    apiVersion: 'v1',
    kind: 'PersistentVolume',
    metadata: {
      name: objectName(volume),
      annotations: { 'pv.kubernetes.io/provisioned-by': driverName },
    },
    spec: {
      ...shared(volume, storageClass),
      capacity: { storage: String(volume.sizeBytes) },
      persistentVolumeReclaimPolicy: 'Retain',
      ...(claim ? { claimRef: { apiVersion: 'v1', kind: 'PersistentVolumeClaim', ...claim } } : {}),
      csi: {
        driver: driverName,
        volumeHandle: id,
        ...(fsType === undefined ? {} : { fsType }),
        volumeAttributes: context,
        ...(secret && isEncrypted(volume) ? { nodeStageSecretRef: secret, nodeExpandSecretRef: secret } : {}),
      },
      ...(Object.keys(topology).length === 0 ? {} : { nodeAffinity: affinityTo(topology) }),
    },
  };
}

/** Whether only a key opens a volume, which the calls for it must bring. */
export function isEncrypted({ context }: Pick<VolumeReport, 'context'>): boolean {
  return 'encryption' in context;
}

function claimOf(volume: VolumeReport, { storageClass }: ExportTarget): KubernetesObject[] {
  if (!volume.claim) return [];
  return [
    {
      apiVersion: 'v1',
      kind: 'PersistentVolumeClaim',
      metadata: { ...volume.claim },
      spec: {
        ...shared(volume, storageClass),
        resources: { requests: { storage: String(volume.sizeBytes) } },
        volumeName: objectName(volume),
      },
    },
  ];
}

function shared({ accessModes, mode }: VolumeReport, storageClassName: string) {
  return { accessModes: [...new Set(accessModes.map(kubernetesMode))], volumeMode: mode, storageClassName };
}

/** The name by which the provisioner created it is that of its PersistentVolume. */
export function objectName({ id, name }: Pick<VolumeReport, 'id' | 'name'>): string {
  return [name ?? '', id].find((each) => OBJECT_NAME.test(each)) ?? `hostpath-${nameHash(id)}`;
}

/** The access mode of Kubernetes that the sidecars ask for with this one. */
function kubernetesMode(mode: string): string {
  switch (mode) {
    case 'SINGLE_NODE_SINGLE_WRITER':
      return 'ReadWriteOncePod';
    case 'SINGLE_NODE_READER_ONLY':
    case 'MULTI_NODE_READER_ONLY':
      return 'ReadOnlyMany';
    case 'MULTI_NODE_SINGLE_WRITER':
    case 'MULTI_NODE_MULTI_WRITER':
      return 'ReadWriteMany';
    default:
      return 'ReadWriteOnce';
  }
}

function affinityTo(topology: ExportTarget['topology']) {
  const matchExpressions = Object.entries(topology).map(([key, value]) => ({
    key,
    operator: 'In',
    values: [value],
  }));
  return { required: { nodeSelectorTerms: [{ matchExpressions }] } };
}
