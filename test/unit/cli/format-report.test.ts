import { expect, test } from 'vitest';
import { formatReport } from '../../../src/cli/format-report.ts';
import { exampleReport, exampleVolume } from './example-report.ts';

const now = new Date('2026-01-03T12:00:00Z');

test('a report is shown as tables', () => {
  expect(formatReport(exampleReport, now)).toBe(
    `hostpath.csi.k8s.io 1.0.0 on node-1, running for 2h

POOL     DISK USED                        SIZE    FREE  FOR A VOLUME  VOLUMES  SNAPSHOTS  DIRECTORIES
default  [#####---------------]  25 %  110 GiB  75 GiB        70 GiB        1          1  quota

VOLUME     POOL     BACKEND   SIZE  USED                                   INODES  AGE
shop/data  default  quota    2 GiB  [#####---------------]  25 %  512 MiB      12   2d
  staged at /stage for 30m
  published at /pod since before the driver started

SNAPSHOT  OF         POOL      SIZE  AGE  VOLUMES FROM IT
snap-1    shop/data  default  2 GiB   1d  -
`,
  );
});

test('what is wrong is shown under what it is about', () => {
  const finding = { reason: 'NearlyOutOfSpace', status: 'DEGRADED', message: 'it is nearly full' };
  const text = formatReport({ ...exampleReport, volumes: [{ ...exampleVolume, findings: [finding] }] }, now);
  expect(text).toMatch(
    /^shop\/data .*\n.*staged.*\n.*published.*\n {2}! NearlyOutOfSpace: it is nearly full$/m,
  );
});

test('a pool that cannot be reached has no figures', () => {
  const pool = {
    name: 'fast',
    id: '00000001',
    path: '/fast',
    volumeCount: 0,
    snapshotCount: 0,
    findings: [],
  };
  const text = formatReport({ ...exampleReport, pools: [{ ...pool, isReachable: false }, pool] }, now);
  expect(text).toMatch(/^fast +unreachable +- +- +- /m);
  expect(text).toMatch(/^fast +not known yet +- +- +- /m);
});

const kept = {
  id: 'kept',
  pool: 'default',
  sizeBytes: 1024 ** 3,
  directory: '/data/retained/kept',
  onDelete: 'retain',
};
const archived = {
  onDelete: 'archive',
  deletedAt: '2026-01-02T12:00:00Z',
  expiresAt: '2026-02-01T12:00:00Z',
};

test('an archived volume whose time is over has expired', () => {
  const expired = { ...kept, ...archived, expiresAt: '2026-01-03T12:00:00Z' };
  const text = formatReport({ ...exampleReport, retained: [expired] }, now);
  expect(text).toMatch(/^kept +archive +1 GiB +1d +expired +\/data/m);
});

test('jobs, retained volumes and damaged records are listed', () => {
  const text = formatReport(
    {
      ...exampleReport,
      jobs: [
        {
          kind: 'copy',
          pool: 'default',
          id: 'new',
          from: 'old',
          copiedBytes: 1024 ** 2,
          expectedBytes: 4 * 1024 ** 2,
          isWaiting: true,
        },
        {
          kind: 'removal',
          pool: 'default',
          directoryCount: 2,
          stuck: [{ directory: '/data/x', reason: 'EPERM' }],
        },
      ],
      retained: [kept, { ...kept, ...archived }],
      damaged: [{ kind: 'volume', id: 'broken', pool: 'default', reason: 'volume.json: it is empty' }],
    },
    now,
  );
  expect(text).toContain(
    'copy of old to new: [#####---------------]  25 % of 4 MiB, waiting for a file that is leased',
  );
  expect(text).toContain('removal of deleted content in pool default: 2 left\n    ! /data/x: EPERM');
  expect(text).toMatch(/^kept +retain +1 GiB +- +never +\/data\/retained\/kept$/m);
  expect(text).toMatch(/^kept +archive +1 GiB +1d +29d +\/data\/retained\/kept$/m);
  expect(text).toContain('! volume broken in pool default: volume.json: it is empty');
});

test('without a driver the text says so', () => {
  const { driver: _, ...rest } = exampleReport;
  expect(formatReport(rest, now)).toMatch(/^No driver is running; /);
});
