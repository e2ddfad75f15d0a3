import { mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { fromSnapshot, fromVolume, snapshotOf, takeDown } from '../../support/copies.ts';
import { eventually } from '../../support/eventually.ts';
import { isHostRoot } from '../../support/host-root.ts';
import { listing } from '../../support/listing.ts';
import { detachBelow } from '../../support/scratch.ts';
import { directories } from '../../support/storages.ts';
import type { TestNode } from '../../support/test-node.ts';
import { listTree } from '../../support/tree-listing.ts';
import { AttackedDriver } from '../support/attacked-driver.ts';
import { Random, rounds } from '../support/random.ts';
import { HostileTree } from './hostile-tree.ts';

const ENTRIES = 50;
/** For the full form, which takes longer than other tests. */
const TIMEOUT_MS = 3_600_000;
const capacity_range = { required_bytes: 48 * 1024 ** 2 };

/** Makes a pool for each kind of directory, named by a number. The default pool is a plain directory. */
function makePools(): string[] {
  const kinds = directories.filter(({ name }) => !/quotas (off|squota)/.test(name));
  const paths = kinds.flatMap(({ makePool }) => makePool?.() ?? []);
  onTestFinished(() => paths.forEach(detachBelow));
  return paths;
}

/** A directory with more entries than a list in memory should have; 50,000 in the full form. */
function makeWide(directory: string): void {
  mkdirSync(directory);
  for (let entry = 0; entry < rounds(1000); entry++) writeFileSync(join(directory, `${entry}`), '');
}

/** Where volumes are made. */
interface Place {
  readonly node: TestNode;
  readonly pool: string;
  readonly parameters: Record<string, string>;
}

/** Copies a volume that `fill` has filled in every way, compares the copies, and deletes everything. */
async function liveWith(
  { node, pool, parameters }: Place,
  name: string,
  fill: (path: string) => Promise<void>,
) {
  const source = await node.createPublished(`hostile ${name}`, undefined, { parameters, capacity_range });
  const { volume_id, target_path: volume_path } = source;
  await fill(volume_path);
  const content = await listTree(volume_path);
  const { usage } = await node.node.NodeGetVolumeStats({ volume_id, volume_path });
  expect(usage.length).toBeGreaterThan(0);
  const { snapshot_id } = await snapshotOf(node, volume_id, `of ${name}`);
  const copies = [
    await node.create(`restored ${name}`, { ...fromSnapshot(snapshot_id), parameters }),
    await node.create(`cloned ${name}`, { ...fromVolume(volume_id), parameters }),
  ];
  for (const id of copies) expect(await listTree(join(pool, 'volumes', id, 'data'))).toEqual(content);
  await takeDown(node, source);
  await node.controller.DeleteSnapshot({ snapshot_id });
  for (const id of [volume_id, ...copies]) await node.controller.DeleteVolume({ volume_id: id });
  await eventually(() => expect(readdirSync(join(pool, '.outgoing'))).toEqual([]));
  expect(readdirSync(join(pool, 'snapshots'))).toEqual([]);
}

test.skipIf(!isHostRoot)(
  'whatever a pod puts into its volume is copied and removed, and what is outside stays as it is',
  async () => {
    const paths = makePools();
    const attacked = await AttackedDriver.start(paths.map((path, index) => `--pool=pool-${index}=${path}`));
    const { node } = attacked;
    // Its connection stays open.
    await node.node.NodeGetInfo({});
    const outside = join(node.directory, 'outside');
    mkdirSync(join(outside, 'inner'), { recursive: true });
    writeFileSync(join(outside, 'inner', 'file'), 'precious');
    const before = listing(outside);
    const random = new Random('trees');
    const places = [
      { node, pool: node.pool, parameters: {} },
      ...paths.map((pool, index) => ({ node, pool, parameters: { pool: `pool-${index}` } })),
    ];
    for (let round = 0; round < rounds(1); round++) {
      for (const [index, place] of places.entries()) {
        await attacked.withstands(() =>
          liveWith(place, `${round} in ${index}`, async (path) => {
            await new HostileTree(random, outside, path).fill(ENTRIES);
            if (round === 0) makeWide(join(path, 'wide'));
          }),
        );
        expect(listing(outside)).toEqual(before);
      }
    }
  },
  TIMEOUT_MS,
);
