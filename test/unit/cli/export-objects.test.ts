import { describe, expect, test } from 'vitest';
import { exportedFrom } from '../../../src/cli/export-objects.ts';
import type { VolumeReport } from '../../../src/status/report.ts';
import { exampleReport, exampleVolume } from './example-report.ts';

const GIB = 1024 ** 3;
const withVolume = (changes: Partial<VolumeReport>) => ({
  ...exampleReport,
  volumes: [{ ...exampleVolume, ...changes }],
});

test('a volume becomes a PersistentVolume that is kept, and the claim that it was made for', () => {
  const shared = { accessModes: ['ReadWriteOnce'], volumeMode: 'Filesystem', storageClassName: 'fast' };
  expect(exportedFrom(exampleReport, { 'storage-class': 'fast' })).toEqual([
    {
      apiVersion: 'v1',
      kind: 'PersistentVolume',
      metadata: { name: 'pvc-1', annotations: { 'pv.kubernetes.io/provisioned-by': 'hostpath.csi.k8s.io' } },
      spec: {
        ...shared,
        capacity: { storage: String(2 * GIB) },
        persistentVolumeReclaimPolicy: 'Retain',
        claimRef: { apiVersion: 'v1', kind: 'PersistentVolumeClaim', namespace: 'shop', name: 'data' },
        csi: {
          driver: 'hostpath.csi.k8s.io',
          volumeHandle: exampleVolume.id,
          volumeAttributes: { pool: 'default', backend: 'quota' },
        },
        nodeAffinity: {
          required: {
            nodeSelectorTerms: [
              {
                matchExpressions: [{ key: 'topology.hostpath.csi/node', operator: 'In', values: ['node-1'] }],
              },
            ],
          },
        },
      },
    },
    {
      apiVersion: 'v1',
      kind: 'PersistentVolumeClaim',
      metadata: { namespace: 'shop', name: 'data' },
      spec: { ...shared, resources: { requests: { storage: String(2 * GIB) } }, volumeName: 'pvc-1' },
    },
  ]);
});

test('the node may have a new id, and the disks no driver', () => {
  const { driver: _, ...fromDisk } = exampleReport;
  const [volume] = exportedFrom(fromDisk, { nodeid: 'node-2', drivername: 'other.example.org' });
  expect(JSON.stringify(volume)).toContain('"values":["node-2"]');
  expect(volume?.spec['csi']).toMatchObject({ driver: 'other.example.org' });
  expect(() => exportedFrom(fromDisk, {})).toThrow('give its id with --nodeid');
});

test('a volume without a claim has a PersistentVolume only; one of a pod has none', () => {
  const { claim: _, ...unclaimed } = exampleVolume;
  const kinds = exportedFrom({ ...exampleReport, volumes: [unclaimed] }, {}).map(({ kind }) => kind);
  expect(kinds).toEqual(['PersistentVolume']);
  expect(exportedFrom(withVolume({ isInline: true }), {})).toEqual([]);
});

test('a name that Kubernetes does not accept is replaced', () => {
  const nameOf = (changes: Partial<VolumeReport>) =>
    exportedFrom(withVolume(changes), {})[0]?.metadata['name'];
  expect(nameOf({ name: 'Some Volume' })).toBe(exampleVolume.id);
  expect(nameOf({ name: 'Some Volume', id: 'Other_1' })).toMatch(/^hostpath-[0-9a-f]{16}$/);
});

describe('access modes', () => {
  test.each([
    ['SINGLE_NODE_WRITER', 'ReadWriteOnce'],
    ['SINGLE_NODE_MULTI_WRITER', 'ReadWriteOnce'],
    ['SINGLE_NODE_SINGLE_WRITER', 'ReadWriteOncePod'],
    ['MULTI_NODE_READER_ONLY', 'ReadOnlyMany'],
    ['MULTI_NODE_MULTI_WRITER', 'ReadWriteMany'],
  ])('%s is %s', (mode, expected) => {
    const [volume] = exportedFrom(withVolume({ accessModes: [mode] }), {});
    expect(volume?.spec['accessModes']).toEqual([expected]);
  });
});

test('a pool that does not exist is refused', () => {
  expect(() => exportedFrom(exampleReport, { pool: 'fats' })).toThrow(
    'unknown pool "fats"; available: default',
  );
  expect(exportedFrom(exampleReport, { pool: 'default' })).toHaveLength(2);
});
