import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import type { HostState } from '../../../src/status/host-state.ts';
import { problemsIn } from '../../../src/status/problems.ts';
import { remedies } from '../../../src/status/remedies.ts';
import { exampleReport, exampleVolume } from '../cli/example-report.ts';

const nothing: HostState = { mounts: [], loops: [] };
const gone = 'pvc-9-0123456789abcdef-0badcafe-99999999';
const ofOthers = 'pvc-9-0123456789abcdef-00000bad-99999999';

test('nothing is wrong with a healthy driver', () => {
  const host = {
    mounts: [{ path: '/pod', root: `/volumes/${exampleVolume.id}/data`, source: '/dev/sda1' }],
    loops: [
      { path: '/dev/loop1', backingPath: `/data/volumes/${exampleVolume.id}/image`, isBackingRemoved: false },
    ],
  };
  expect(problemsIn(exampleReport, host)).toEqual([]);
});

test('a finding has the remedy of its reason', () => {
  const finding = { reason: 'NearlyOutOfSpace', status: 'DEGRADED', message: 'volume "x" is nearly full' };
  const report = { ...exampleReport, volumes: [{ ...exampleVolume, findings: [finding] }] };
  expect(problemsIn(report, nothing)).toEqual([
    {
      subject: 'volume shop/data',
      problem: 'NearlyOutOfSpace: volume "x" is nearly full',
      remedy: remedies.NearlyOutOfSpace,
    },
  ]);
});

test('damaged records and content that cannot be removed are problems', () => {
  const report = {
    ...exampleReport,
    damaged: [{ kind: 'snapshot' as const, id: 's', pool: 'default', reason: 'snapshot.json: it is empty' }],
    jobs: [
      {
        kind: 'removal' as const,
        pool: 'default',
        directoryCount: 1,
        stuck: [{ directory: '/d', reason: 'EPERM' }],
      },
    ],
  };
  expect(problemsIn(report, nothing).map(({ subject, problem }) => [subject, problem])).toEqual([
    ['snapshot s', 'RecordDamaged: its record in pool default cannot be used: snapshot.json: it is empty'],
    ['pool default', 'DeletedContentLeft: /d cannot be removed: EPERM'],
  ]);
});

describe('what the kernel has of a volume that does not exist', () => {
  const mount = (id: string) => ({
    path: '/left',
    root: `/volumes/${id}/data//deleted`,
    source: '/dev/sda1',
  });
  const loop = (id: string) => ({
    path: '/dev/loop7',
    backingPath: `/volumes/${id}/image (deleted)`,
    isBackingRemoved: true,
  });

  test('is a problem, with the command that ends it', () => {
    expect(problemsIn(exampleReport, { mounts: [mount(gone)], loops: [loop(gone)] })).toEqual([
      {
        subject: 'mount /left',
        problem: `it is a mount of ${gone}, which does not exist`,
        remedy: 'Unmount it: umount /left',
      },
      {
        subject: 'device /dev/loop7',
        problem: `it is attached to the image of ${gone}, which does not exist`,
        remedy:
          'The image was removed, so the device has the only copy: save what you want to keep. Unmount it wherever it is mounted, and detach it: losetup --detach /dev/loop7',
      },
    ]);
  });

  test('is none if it belongs to a pool of others, or to one that cannot be reached now', () => {
    expect(problemsIn(exampleReport, { mounts: [mount(ofOthers)], loops: [loop(ofOthers)] })).toEqual([]);
    const pools = exampleReport.pools.map((pool) => ({
      ...pool,
      isReachable: false,
      findings: [{ reason: 'PoolUnreachable', status: 'INACCESSIBLE', message: 'gone' }],
    }));
    const problems = problemsIn({ ...exampleReport, pools }, { mounts: [mount(gone)], loops: [loop(gone)] });
    expect(problems.map(({ subject }) => subject)).toEqual(['pool default']);
  });
});

test('the remedies are those of the page about health', () => {
  const page = readFileSync('docs/reference/health.md', 'utf8');
  const plain = (text: string) => text.replace(/\[([^\]]*)\]\([^)]*\)/g, '$1').replaceAll('`', '');
  const rows = [...page.matchAll(/^\| `(\w+)` \|.*\| ([^|]*) \|$/gm)];
  expect(
    Object.fromEntries(rows.map(([, reason = '', remedy = '']) => [reason, plain(remedy)])),
  ).toMatchObject(remedies);
});
