import type { StatusReport, VolumeReport } from '../../../src/status/report.ts';

const GIB = 1024 ** 3;

export const exampleVolume: VolumeReport = {
  id: 'pvc-1-0123456789abcdef-0badcafe-01020304',
  name: 'pvc-1',
  claim: { namespace: 'shop', name: 'data' },
  pool: 'default',
  backend: 'quota',
  mode: 'Filesystem',
  sizeBytes: 2 * GIB,
  isSizeEnforced: true,
  usedBytes: GIB / 2,
  inodes: { total: 1000, used: 12 },
  createdAt: '2026-01-01T00:00:00Z',
  onDelete: 'delete',
  accessModes: ['SINGLE_NODE_WRITER'],
  context: { pool: 'default', backend: 'quota' },
  isInline: false,
  mounts: [
    { path: '/stage', kind: 'staged', since: '2026-01-03T11:30:00Z' },
    { path: '/pod', kind: 'published' },
  ],
  findings: [],
};

export const exampleReport: StatusReport = {
  formatVersion: 1,
  driver: {
    name: 'hostpath.csi.k8s.io',
    version: '1.0.0',
    nodeId: 'node-1',
    topology: { 'topology.hostpath.csi/node': 'node-1' },
    startedAt: '2026-01-03T10:00:00Z',
  },
  pools: [
    {
      name: 'default',
      id: '0badcafe',
      path: '/data',
      isReachable: true,
      isComplete: true,
      directories: 'quota',
      space: { totalBytes: 110 * GIB, usedBytes: 25 * GIB, availableBytes: 75 * GIB },
      provisionableBytes: 70 * GIB,
      volumeCount: 1,
      snapshotCount: 1,
      findings: [],
    },
  ],
  volumes: [exampleVolume],
  snapshots: [
    {
      id: 'snap-1-id',
      name: 'snap-1',
      pool: 'default',
      sourceVolumeId: exampleVolume.id,
      sizeBytes: 2 * GIB,
      createdAt: '2026-01-02T12:00:00Z',
    },
  ],
  groupSnapshots: [],
  retained: [],
  damaged: [],
  jobs: [],
};
