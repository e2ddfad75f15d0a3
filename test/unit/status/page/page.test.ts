import { describe, expect, test } from 'vitest';
import { contentSecurityPolicy, pageOf } from '../../../../src/status/page/page.ts';
import { PoolHistory } from '../../../../src/status/page/pool-history.ts';
import { snapshotTree } from '../../../../src/status/page/snapshot-tree.ts';
import type { PoolReport } from '../../../../src/status/report.ts';
import { exampleReport, exampleVolume } from '../../cli/example-report.ts';

const now = new Date('2026-01-03T12:00:00Z');
const MINUTE_MS = 60_000;
const [pool] = exampleReport.pools as [PoolReport];

function historyOf(...shares: number[]): PoolHistory {
  const history = new PoolHistory();
  for (const [index, share] of shares.entries()) {
    const space = { totalBytes: 100, usedBytes: 100 * share, availableBytes: 100 * (1 - share) };
    const at = new Date(now.getTime() - (shares.length - 1 - index) * MINUTE_MS);
    history.add({ pools: [{ ...pool, space }] }, at);
  }
  return history;
}

test('a page has pools, volumes, the family of a snapshot, and the state in words', () => {
  const page = pageOf(exampleReport, historyOf(0.2, 0.25), now);
  expect(page).toContain('<title>hostpath.csi.k8s.io on node-1</title>');
  expect(page).toContain('No problems');
  expect(page).toMatch(
    /<meter [^>]*value="0.2500" aria-label="use of the disk of pool default">25 %<\/meter>/,
  );
  expect(page).toContain('aria-label="from 20.0 % to 25.0 % in the last hour"');
  expect(page).toMatch(/<th scope="row" title="pvc-1-[^"]*">shop\/data<\/th>/);
  expect(page).toContain('published at <code>/pod</code>');
});

test('a problem is beside its remedy', () => {
  const finding = { reason: 'NearlyOutOfSpace', status: 'DEGRADED', message: 'it is nearly full' };
  const page = pageOf(
    { ...exampleReport, volumes: [{ ...exampleVolume, findings: [finding] }] },
    historyOf(),
    now,
  );
  expect(page).toContain('1 problem');
  expect(page).toMatch(/volume shop\/data<\/span>: NearlyOutOfSpace: it is nearly full<\/dt>/);
  expect(page).toContain('What to do: Expand the volume or delete data');
});

test('names that are HTML are shown, and not interpreted', () => {
  const { claim: _, ...volume } = exampleVolume;
  const hostile = '"><img src=x onerror=alert(1)>';
  const snapshots = exampleReport.snapshots.map((each) => ({ ...each, name: hostile }));
  const page = pageOf(
    { ...exampleReport, volumes: [{ ...volume, name: hostile }], snapshots },
    historyOf(),
    now,
  );
  expect(page).not.toContain('<img');
  expect(page).toContain('&quot;&gt;&lt;img src=x onerror=alert(1)&gt;');
});

test('a copy has its progress, and a pool that cannot be reached no figures', () => {
  const { space: _, ...unreachable } = { ...pool, isReachable: false };
  const job = {
    kind: 'copy' as const,
    pool: 'default',
    id: 'new',
    from: 'old',
    copiedBytes: 5,
    expectedBytes: 10,
    isWaiting: false,
  };
  const page = pageOf({ ...exampleReport, pools: [unreachable], jobs: [job] }, historyOf(), now);
  expect(page).toContain('<progress max="10" value="5" aria-label="copy to new">');
  expect(page).toContain('<span class="problem">unreachable</span>');
});

test('nothing from elsewhere is loaded, and only the script of the page runs', () => {
  expect(contentSecurityPolicy).toMatch(
    /^default-src 'none'; style-src 'sha256-[^']+'; script-src 'sha256-[^']+'; /,
  );
  expect(pageOf(exampleReport, historyOf(), now)).not.toMatch(/(?:src|href)="|style="|onclick/);
});

describe('the use of a pool', () => {
  test('is kept for an hour, a point for each minute', () => {
    const history = historyOf(...Array.from({ length: 90 }, (_, index) => index / 100));
    const points = history.of('default');
    expect(points).toHaveLength(60);
    expect(points.at(-1)).toEqual({ atMs: now.getTime(), share: 0.89 });
    history.add(exampleReport, new Date(now.getTime() + MINUTE_MS / 2));
    expect(history.of('default')).toEqual(points);
  });

  test('is unknown for a pool that was never seen', () => {
    expect(new PoolHistory().of('default')).toEqual([]);
  });
});

describe('the family of snapshots', () => {
  const text = (report: Parameters<typeof snapshotTree>[0]) =>
    snapshotTree(report).text.replace(/<time[^>]*>[^<]*<\/time>/g, 'TIME');

  test('has volumes that were made from a snapshot below it', () => {
    const restored = {
      ...exampleVolume,
      id: 'r',
      claim: { namespace: 'shop', name: 'restored' },
      source: { kind: 'snapshot' as const, id: 'snap-1-id' },
    };
    expect(text({ ...exampleReport, volumes: [exampleVolume, restored] })).toBe(
      '<ul><li>shop/data<ul><li>snapshot <strong>snap-1</strong> of TIME<ul><li>shop/restored</li></ul></li></ul></li></ul>',
    );
  });

  test('names a volume that is gone', () => {
    expect(text({ ...exampleReport, volumes: [] })).toBe(
      `<ul><li><span class="muted">${exampleVolume.id} (deleted)</span><ul><li>snapshot <strong>snap-1</strong> of TIME</li></ul></li></ul>`,
    );
  });

  test('leaves out volumes without any', () => {
    expect(text({ volumes: [exampleVolume], snapshots: [] })).toBe(
      '<p class="muted">There are no snapshots and no copies.</p>',
    );
  });
});
