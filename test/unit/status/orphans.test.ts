import { describe, expect, test } from 'vitest';
import { parseClusterVolumes } from '../../../src/status/cluster-volumes.ts';
import { orphansIn } from '../../../src/status/orphans.ts';
import { persistentVolumesIn } from '../../../src/status/persistent-volumes.ts';
import { exampleReport, exampleVolume } from '../cli/example-report.ts';

const now = new Date('2026-01-05T00:00:00Z');
const driverName = 'hostpath.csi.k8s.io';
const gone = 'pvc-9-0123456789abcdef-0badcafe-99999999';
const elsewhere = 'pvc-9-0123456789abcdef-00000bad-99999999';

interface Given {
  readonly handle: string;
  readonly driver?: string;
  readonly node?: string;
  readonly deletionTimestamp?: string;
}

/** The output of kubectl for these PersistentVolumes, and one that is not of a CSI driver. */
function listOf(...all: Given[]) {
  const items = all.map(({ handle, driver = driverName, node = 'node-1', ...metadata }) => ({
    apiVersion: 'v1',
    kind: 'PersistentVolume',
    metadata: { name: `pv-${handle}`, ...metadata },
    spec: {
      csi: { driver, volumeHandle: handle, volumeAttributes: {} },
      claimRef: { kind: 'PersistentVolumeClaim', namespace: 'shop', name: 'data', uid: '1' },
      nodeAffinity: {
        required: {
          nodeSelectorTerms: [{ matchExpressions: [{ key: 'k', operator: 'In', values: [node] }] }],
        },
      },
    },
  }));
  const local = { kind: 'PersistentVolume', metadata: { name: 'local' }, spec: { local: { path: '/' } } };
  return parseClusterVolumes(JSON.stringify({ kind: 'List', items: [...items, local] }));
}

const problemsWith = (...all: Given[]) => orphansIn(exampleReport, listOf(...all), now);
const own = { handle: exampleVolume.id };

test('nothing is wrong if each volume has its PersistentVolume', () => {
  expect(problemsWith(own)).toEqual([]);
  const { items } = JSON.parse(
    JSON.stringify({
      items: persistentVolumesIn(exampleReport, { driverName, topology: {}, storageClass: '' }),
    }),
  );
  const volumes = items.filter(({ kind }: { kind: string }) => kind === 'PersistentVolume');
  expect(orphansIn(exampleReport, parseClusterVolumes(JSON.stringify({ items: volumes })), now)).toEqual([]);
});

describe('a volume without a PersistentVolume', () => {
  test('is a problem', () => {
    expect(problemsWith()).toEqual([
      {
        subject: 'volume shop/data',
        problem: `no PersistentVolume has its id ${exampleVolume.id}; its data is in pool default`,
        remedy: expect.stringMatching(/^csi-hostpath export prints a PersistentVolume for it\. /),
      },
    ]);
  });

  test('is none while it is new, or if it belongs to a pod', () => {
    const soon = new Date(Date.parse(exampleVolume.createdAt) + 14 * 60 * 1000);
    expect(orphansIn(exampleReport, [], soon)).toEqual([]);
    const inline = { ...exampleReport, volumes: [{ ...exampleVolume, isInline: true }] };
    expect(orphansIn(inline, [], now)).toEqual([]);
  });
});

describe('a PersistentVolume without a volume', () => {
  test('is a problem if its pool is here, or its node is this one', () => {
    const remedy = 'Restore the volume from a backup, or delete the claim and the PersistentVolume.';
    expect(problemsWith(own, { handle: gone, node: 'old-name' }, { handle: elsewhere })).toEqual([
      {
        subject: `PersistentVolume pv-${gone}`,
        problem: `its volume ${gone} is not in pool default (claim shop/data)`,
        remedy,
      },
      {
        subject: `PersistentVolume pv-${elsewhere}`,
        problem: `its volume ${elsewhere} is in none of the pools of this node (claim shop/data)`,
        remedy,
      },
    ]);
  });

  test('is none if it is of another node or driver, or is being deleted', () => {
    expect(
      problemsWith(
        own,
        { handle: elsewhere, node: 'node-2' },
        { handle: elsewhere, driver: 'other.example.org' },
        { handle: gone, deletionTimestamp: '2026-01-04T23:59:59Z' },
      ),
    ).toEqual([]);
  });

  test('is none if its volume may be there: damaged, retained, or in a pool that cannot be reached', () => {
    const damaged = [{ kind: 'volume' as const, id: gone, pool: 'default', reason: 'empty' }];
    expect(orphansIn({ ...exampleReport, damaged }, listOf(own, { handle: gone }), now)).toEqual([]);
    const pools = exampleReport.pools.map((pool) => ({ ...pool, isReachable: false }));
    expect(orphansIn({ ...exampleReport, pools }, listOf(own, { handle: gone }), now)).toEqual([]);
  });
});

test.each([
  ['', 'it is not JSON'],
  ['{"items":[{"metadata":{},"spec":{}}]}', 'items[0].metadata.name'],
  ['[]', 'expected object'],
])('what is not a list of PersistentVolumes is refused: %j', (text, reason) => {
  expect(() => parseClusterVolumes(text)).toThrow(reason);
});
