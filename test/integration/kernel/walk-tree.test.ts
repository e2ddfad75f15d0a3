import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setImmediate } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { FairSlots } from '../../../src/kernel/trees/fair-slots.ts';
import type { LeafVisit } from '../../../src/kernel/trees/leaf-visit.ts';
import { type TreeVisitor, walkTree } from '../../../src/kernel/trees/walk-tree.ts';
import { eventually } from '../../support/eventually.ts';
import { opened } from '../../support/loop.ts';
import { scratchDirectory } from '../../support/scratch.ts';
import { deferred } from '../../unit/model/fakes/gate.ts';

const FILES = 100;

/** A tree of four directories with files in them. */
function tree(): number {
  const top = scratchDirectory();
  for (let file = 0; file < FILES; file++) {
    const directory = join(top, `${file % 4}`);
    mkdirSync(directory, { recursive: true });
    writeFileSync(join(directory, `file-${file}`), '');
  }
  return opened(top, 'r');
}

function walkFiles(leaf: (name: string, visit: LeafVisit) => Promise<void>, places: FairSlots) {
  const stop = new AbortController();
  const visitor: TreeVisitor<undefined> = {
    directory: async (_directory, _parent, walk) => void (await walk(undefined)),
    leaf: ({ name }, _context, visit) => leaf(name.toString(), visit),
  };
  return { stop, walked: walkTree(tree(), visitor, stop.signal, places) };
}

test('a walk runs at most as many calls at once as it has places', async () => {
  const places = 3;
  const { promise: full, resolve: allTaken } = deferred();
  const visited: string[] = [];
  let now = 0;
  let most = 0;
  const leaf = async (name: string) => {
    most = Math.max(most, ++now);
    if (now === places) allTaken();
    await full;
    await setImmediate();
    now--;
    visited.push(name);
  };
  await walkFiles(leaf, new FairSlots(8, places)).walked;
  expect(new Set(visited).size).toBe(FILES);
  expect(most).toBe(places);
});

test('walks with hanging calls do not delay other walks, and can be stopped except for these calls', async () => {
  const places = new FairSlots(5, 2);
  const { promise: hang, resolve: goOn } = deferred();
  let hanging = 0;
  const hangingWalks = [1, 2].map(() =>
    walkFiles(() => {
      hanging++;
      return hang;
    }, places),
  );
  await eventually(() => expect(hanging).toBe(4), { interval: 5 });
  let visited = 0;
  await walkFiles(async () => void visited++, places).walked;
  expect(visited).toBe(FILES);
  expect(hanging).toBe(4);
  const reason = new Error('not wanted');
  for (const { stop } of hangingWalks) stop.abort(reason);
  goOn();
  await Promise.all(hangingWalks.map(({ walked }) => expect(walked).rejects.toBe(reason)));
});

test('files that wait make way for others, even in a single place', async () => {
  const { promise: event, resolve: happen } = deferred();
  const visited: string[] = [];
  const waits = (name: string) => Number(name.split('-')[1]) < 50;
  const leaf = async (name: string, visit: LeafVisit) => {
    if (waits(name)) await visit.wait(() => event);
    visited.push(name);
  };
  const { walked } = walkFiles(leaf, new FairSlots(1, 1));
  await eventually(() => expect(visited).toHaveLength(FILES - 50), { interval: 5 });
  expect(visited.some(waits)).toBe(false);
  happen();
  await walked;
  expect(visited).toHaveLength(FILES);
});
