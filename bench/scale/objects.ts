export const DRIVER = 'hostpath.csi.k8s.io';
export const NAMESPACE = 'storage-test';
export const IMMEDIATE_CLASS = 'csi-hostpath-sc';
export const WAITING_CLASS = 'csi-hostpath-wait';
const TOPOLOGY_KEY = 'topology.hostpath.csi/node';

/** Numbered names. */
export function namesOf(prefix: string, number: number): string[] {
  return Array.from({ length: number }, (_, index) => `${prefix}-${index}`);
}

/** A node that is ready, and has the driver. */
export function nodeObjects(name: string): object[] {
  const labels = { [TOPOLOGY_KEY]: name, 'kubernetes.io/hostname': name };
  const amounts = { cpu: '16', memory: '64Gi', pods: '110', 'ephemeral-storage': '100Gi' };
  return [
    {
      apiVersion: 'v1',
      kind: 'Node',
      metadata: { name, labels },
      status: {
        capacity: amounts,
        allocatable: amounts,
        conditions: [{ type: 'Ready', status: 'True', reason: 'Fake', message: 'it has no kubelet' }],
      },
    },
    {
      apiVersion: 'storage.k8s.io/v1',
      kind: 'CSINode',
      metadata: { name },
      spec: { drivers: [{ name: DRIVER, nodeID: name, topologyKeys: [TOPOLOGY_KEY] }] },
    },
  ];
}

/** A claim. With an empty class it is of no driver. */
export function claim(name: string, storageClassName: string) {
  return {
    apiVersion: 'v1',
    kind: 'PersistentVolumeClaim',
    metadata: { name, namespace: NAMESPACE },
    spec: { storageClassName, accessModes: ['ReadWriteOnce'], resources: { requests: { storage: '16Mi' } } },
  };
}

/** A claim of another driver, and its volume. */
export function foreignClaim(name: string) {
  const { spec, ...rest } = claim(name, '');
  return { ...rest, spec: { ...spec, volumeName: name } };
}

export function foreignVolume(name: string) {
  return {
    apiVersion: 'v1',
    kind: 'PersistentVolume',
    metadata: { name },
    spec: {
      accessModes: ['ReadWriteOnce'],
      capacity: { storage: '16Mi' },
      persistentVolumeReclaimPolicy: 'Retain',
      claimRef: { apiVersion: 'v1', kind: 'PersistentVolumeClaim', namespace: NAMESPACE, name },
      csi: { driver: 'other.csi.example.org', volumeHandle: name },
    },
  };
}

/** A pod with the claim of the same name. */
export function pod(name: string) {
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name, namespace: NAMESPACE },
    spec: {
      containers: [{ name: 'main', image: 'none', volumeMounts: [{ name: 'data', mountPath: '/data' }] }],
      volumes: [{ name: 'data', persistentVolumeClaim: { claimName: name } }],
    },
  };
}

export function podWithoutScheduler(name: string) {
  const { spec, ...rest } = pod(name);
  return { ...rest, spec: { ...spec, schedulerName: 'none' } };
}
