import {
  chmodSync,
  chownSync,
  linkSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { copyTree, treeBytes } from '../../../src/kernel/workers/tree-tasks.ts';
import { sourceAndTarget } from '../../support/copy-places.ts';
import { eventually } from '../../support/eventually.ts';
import { breakingLeases, heldLeases } from '../../support/held-leases.ts';
import { isHostRoot } from '../../support/host-root.ts';
import { listTree } from '../../support/tree-listing.ts';

const TENANT = 1000;

/** A tree with leased files, and others beside them. */
async function leasedTree({ leased, others }: { leased: number; others: number }) {
  const { source, target } = sourceAndTarget();
  chmodSync(join(source, '..'), 0o755);
  const inner = join(source, 'inner');
  mkdirSync(inner);
  const paths = Array.from({ length: leased }, (_, index) => join(inner, `leased-${index}`));
  for (const path of paths) {
    writeFileSync(path, 'leased');
    chownSync(path, TENANT, TENANT);
  }
  for (let index = 0; index < others; index++) writeFileSync(join(source, `other-${index}`), 'content');
  utimesSync(inner, 1000, 2000);
  return { source, target, paths };
}

function control() {
  const waited = new Set<string>();
  const stop = new AbortController();
  const copyControl = {
    signal: stop.signal,
    onBytes: () => {},
    onWait: (file: string) => void waited.add(file),
  };
  return { waited, stop, copyControl };
}

describe.runIf(isHostRoot)('files that their owner has leased', () => {
  test('are waited for, while all others are copied, and are then copied as well', async () => {
    const { source, target, paths } = await leasedTree({ leased: 40, others: 100 });
    const leases = await heldLeases(TENANT, paths);
    const { waited, copyControl } = control();
    const copying = copyTree(source, target, copyControl);
    await eventually(
      () => {
        // It is enough to wait for one after another: the kernel has asked for all leases.
        expect(waited.size).toBeGreaterThan(0);
        const made = readdirSync(target).filter((name) => name.startsWith('other-'));
        expect(made).toHaveLength(100);
      },
      { interval: 5 },
    );
    expect([...waited].every((name) => name.startsWith('/inner/leased-'))).toBe(true);
    expect(readdirSync(join(target, 'inner'))).toEqual([]);
    expect(breakingLeases(leases.pid)).toBe(40);
    await leases.release();
    await copying;
    expect(await listTree(target)).toEqual(await listTree(source));
  });

  test('do not prevent stopping a copy', async () => {
    const { source, target, paths } = await leasedTree({ leased: 100, others: 1 });
    const leases = await heldLeases(TENANT, paths);
    const { waited, stop, copyControl } = control();
    // Starts the worker, which has files open itself.
    await treeBytes(source, stop.signal);
    const openBefore = readdirSync('/proc/self/fd').length;
    const copying = copyTree(source, target, copyControl);
    copying.catch(() => {});
    await eventually(() => expect(waited.size).toBeGreaterThan(0), { interval: 5 });
    const reason = new Error('not wanted');
    stop.abort(reason);
    await expect(copying).rejects.toBe(reason);
    // The kernel is still waiting for them.
    expect(breakingLeases(leases.pid)).toBeGreaterThan(0);
    expect(readdirSync('/proc/self/fd').length).toBe(openBefore);
  });

  test('keep their hard links, however many names wait for the same file', async () => {
    const { source, target, paths } = await leasedTree({ leased: 1, others: 0 });
    const [path = ''] = paths;
    mkdirSync(join(source, 'links'));
    for (let index = 0; index < 200; index++) linkSync(path, join(source, 'links', `${index}`));
    const leases = await heldLeases(TENANT, paths);
    const { waited, copyControl } = control();
    const copying = copyTree(source, target, copyControl);
    await eventually(() => expect(waited.size).toBe(1), { interval: 5 });
    await leases.release();
    await copying;
    expect(readdirSync(join(target, 'links'))).toHaveLength(200);
    expect(readFileSync(join(target, 'links', '7'), 'utf8')).toBe('leased');
  });
});
