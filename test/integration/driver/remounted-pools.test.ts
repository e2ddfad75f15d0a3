import { execFileSync } from 'node:child_process';
import { mkdirSync, readdirSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { status } from '@grpc/grpc-js';
import { describe, expect, onTestFinished, test } from 'vitest';
import type { Step } from '../../../src/model/steps.ts';
import { eventually } from '../../support/eventually.ts';
import { gateAt } from '../../support/gate/gate.ts';
import { isHostRoot } from '../../support/host-root.ts';
import { outcomeOf } from '../../support/refusal.ts';
import { scratchDirectory } from '../../support/scratch.ts';
import { type TestNode, testNode } from '../../support/test-node.ts';

const MIB = 1024 ** 2;
const onDisk = { parameters: { pool: 'disk' } };
const imageOnDisk = {
  parameters: { pool: 'disk', backend: 'image' },
  capacity_range: { required_bytes: 16 * MIB },
};
const FILES = 4000;
const EARLIER = 150;
const AT_ONCE = 20;
const fileSystems = ['ext4', 'xfs', 'btrfs'] as const;

/** A disk that can be taken away and put back, while it is in use. */
interface Disk {
  readonly path: string;
  remount(): void;
}

function diskWith(fsType: (typeof fileSystems)[number]): Disk {
  const directory = scratchDirectory();
  const [path, file] = [join(directory, 'disk'), join(directory, 'file')];
  mkdirSync(path);
  writeFileSync(file, '');
  truncateSync(file, 2048 * MIB);
  execFileSync(`mkfs.${fsType}`, ['-q', file]);
  // Mounted elsewhere as well, so that the same file system is mounted again.
  const kept = join(directory, 'kept');
  mkdirSync(kept);
  execFileSync('mount', ['-o', 'loop', file, kept]);
  const mount = () => void execFileSync('mount', ['--bind', kept, path]);
  mount();
  const remount = () => {
    execFileSync('umount', ['--lazy', path]);
    mount();
  };
  return { path, remount };
}

/** A node with a pool on such a disk, and optionally a gate at which calls wait. */
async function nodeOn(fsType: (typeof fileSystems)[number], step?: Step) {
  const disk = diskWith(fsType);
  const pool = join(disk.path, 'pool');
  const node = testNode();
  const gate = step && (await gateAt(step, join(scratchDirectory(), 'gate')));
  const flags = [`--pool=disk=${pool}`];
  await node.start({ ...gate?.start, flags });
  return { node, disk, pool, flags, open: () => gate?.open(), reached: () => gate?.reached() };
}

/** Any call after the disk was away: it checks the disk. */
function anyCall({ controller }: TestNode): Promise<unknown> {
  return outcomeOf(controller.GetCapacity(onDisk));
}

/** Expects the indexes, the lookups by name and the disk to agree. */
async function expectConsistent({ controller }: TestNode, pool: string): Promise<string[]> {
  const { entries = [] } = await controller.ListVolumes({});
  const listed = entries.map(({ volume }) => volume?.volume_id ?? '').sort();
  expect(readdirSync(join(pool, 'volumes')).sort()).toEqual(listed);
  await eventually(() => expect(readdirSync(join(pool, '.incoming'))).toEqual([]));
  return listed;
}

describe.skipIf(!isHostRoot)('a pool that is remounted', () => {
  test.each(fileSystems)(
    'during a copy on %s: no incomplete snapshot is ever acknowledged',
    async (fsType) => {
      const { node, disk, pool } = await nodeOn(fsType);
      const paths = await node.createPublished('source', undefined, onDisk);
      for (let index = 0; index < FILES; index++) writeFileSync(join(paths.target_path, `${index}`), 'x');
      const incoming = join(pool, '.incoming');
      const cut = () => node.controller.CreateSnapshot({ name: 's', source_volume_id: paths.volume_id });
      const first = outcomeOf(cut());
      // A subvolume is copied at one instant, which may be before or after the remount.
      await eventually(
        () => {
          const building = readdirSync(incoming).map((name) => join(incoming, name, 'data'));
          const isOver = readdirSync(join(pool, 'snapshots')).length > 0;
          expect(isOver || building.some((data) => readdirSync(data).length > 100)).toBe(true);
        },
        { interval: 1 },
      );
      disk.remount();
      await anyCall(node);
      const outcome = await first;
      if (outcome !== 'OK') expect(outcome.code).toBe('UNAVAILABLE');
      const { snapshot } = await eventually(cut);
      const data = join(pool, 'snapshots', snapshot?.snapshot_id ?? '', 'data');
      expect(readdirSync(data)).toHaveLength(FILES);
      expect(readdirSync(join(pool, 'snapshots'))).toHaveLength(1);
      await expectConsistent(node, pool);
    },
  );

  test.each([onDisk, imageOnDisk])(
    'during creates: none that is acknowledged is forgotten or made twice (%j)',
    async (changes) => {
      const { node, disk, pool, flags } = await nodeOn('ext4');
      const create = (name: string) => node.create(name, changes);
      // Reading many records takes a while, in which creates end.
      await Promise.all(
        Array.from({ length: EARLIER }, (_, index) => node.create(`earlier ${index}`, onDisk)),
      );
      const made = new Map<string, string>();
      for (let round = 0; round < 3; round++) {
        const names = Array.from({ length: AT_ONCE }, (_, index) => `volume ${round} ${index}`);
        const creates = names.map(async (name) => [name, await create(name)] as const);
        await Promise.race(creates);
        disk.remount();
        await anyCall(node);
        for (const create of await Promise.allSettled(creates)) {
          if (create.status === 'fulfilled') made.set(...create.value);
          else expect(create.reason).toMatchObject({ code: status.UNAVAILABLE });
        }
        const listed = await expectConsistent(node, pool);
        for (const id of made.values()) expect(listed).toContain(id);
        for (const name of names) {
          const id = await eventually(() => create(name));
          expect([undefined, id]).toContain(made.get(name));
          made.set(name, id);
        }
      }
      const known = await expectConsistent(node, pool);
      expect(known).toHaveLength(EARLIER + made.size);
      await node.restart({ flags });
      expect(await expectConsistent(node, pool)).toEqual(known);
    },
  );

  test('while creates wait at the last step: they are refused, found by their names, and made once', async () => {
    const { node, disk, pool, open, reached } = await nodeOn('ext4', 'create: renamed');
    const names = Array.from({ length: 6 }, (_, index) => `volume ${index}`);
    const creates = names.map((name) => outcomeOf(node.create(name, onDisk)));
    await reached();
    disk.remount();
    const other = anyCall(node);
    await node.controller.ControllerGetCapabilities({});
    // Later calls come to the gate as well.
    const opening = setInterval(open, 5);
    onTestFinished(() => clearInterval(opening));
    await other;
    for (const outcome of await Promise.all(creates)) expect(outcome).toMatchObject({ code: 'UNAVAILABLE' });
    const ids = await Promise.all(names.map((name) => eventually(() => node.create(name, onDisk))));
    expect(await expectConsistent(node, pool)).toEqual([...ids].sort());
  });

  test('while deletes wait: no volume with an acknowledged delete is restored', async () => {
    const { node, disk, pool, flags, open, reached } = await nodeOn('ext4', 'delete: checked');
    const ids = await Promise.all(['a', 'b', 'c', 'd'].map((name) => node.create(name, onDisk)));
    const remove = (volume_id: string) => outcomeOf(node.controller.DeleteVolume({ volume_id }));
    const deletes = ids.map(remove);
    await reached();
    disk.remount();
    const other = anyCall(node);
    await node.controller.ControllerGetCapabilities({});
    const opening = setInterval(open, 5);
    onTestFinished(() => clearInterval(opening));
    await other;
    const outcomes = await Promise.all(deletes);
    const left = await expectConsistent(node, pool);
    for (const [index, outcome] of outcomes.entries()) {
      if (outcome === 'OK') expect(left).not.toContain(ids[index]);
      else expect(outcome.code).toBe('UNAVAILABLE');
    }
    await Promise.all(ids.map((volume_id) => eventually(() => node.controller.DeleteVolume({ volume_id }))));
    expect(await expectConsistent(node, pool)).toEqual([]);
    await node.restart({ flags });
    expect(await expectConsistent(node, pool)).toEqual([]);
  });
});
