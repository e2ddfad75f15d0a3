import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, onTestFinished, test } from 'vitest';
import { fromVolume, snapshotOf, takeDown } from '../../support/copies.ts';
import { eventually } from '../../support/eventually.ts';
import { isHostRoot } from '../../support/host-root.ts';
import { listing } from '../../support/listing.ts';
import { outcomeOf } from '../../support/refusal.ts';
import { mountCapability } from '../../support/requests.ts';
import { restlessTenant } from '../../support/restless-tenant.ts';
import { detachBelow } from '../../support/scratch.ts';
import { directories } from '../../support/storages.ts';
import { AttackedDriver } from '../support/attacked-driver.ts';
import { Random, rounds } from '../support/random.ts';

const COPIES = 2;
/** For the full form, which takes longer than other tests. */
const TIMEOUT_MS = 3_600_000;
const SECRET = 'precious';
const capacity_range = { required_bytes: 48 * 1024 ** 2 };
const volume_capability = mountCapability();
// A subvolume is copied and removed in one step. On XFS each copy waits for the disk, which takes long for few copies.
const storages = directories.filter(({ backend }) => backend === 'directory').slice(0, rounds(1) > 1 ? 2 : 1);

/** What a copy has of the files outside: nothing, if no link was followed. */
function stolenIn(directory: string): string[] {
  return readdirSync(directory, { withFileTypes: true, recursive: true })
    .filter((entry) => entry.isFile() && entry.name === 'file')
    .map(({ parentPath, name }) => readFileSync(join(parentPath, name), 'utf8'));
}

describe.skipIf(!isHostRoot).each(storages)(
  'while a process moves and swaps everything in $name',
  ({ name, makePool }) => {
    test(
      'it is copied, measured, expanded and deleted, and nothing outside is read or changed',
      async () => {
        const path = makePool?.();
        if (path !== undefined) onTestFinished(() => detachBelow(path));
        const attacked = await AttackedDriver.start(path === undefined ? [] : [`--pool=other=${path}`]);
        const { node } = attacked;
        await node.node.NodeGetInfo({});
        const pool = path ?? node.pool;
        const parameters = path === undefined ? {} : { pool: 'other' };
        const outside = join(node.directory, 'outside');
        mkdirSync(join(outside, 'inner'), { recursive: true });
        writeFileSync(join(outside, 'inner', 'file'), SECRET);
        const before = listing(outside);
        const random = new Random(`moving trees ${name}`);
        await attacked.withstands(async () => {
          for (let round = 0; round < rounds(1); round++) {
            const volume = await node.createPublished(`moving ${round}`, undefined, {
              parameters,
              capacity_range,
            });
            const { volume_id, target_path: volume_path } = volume;
            const data = join(pool, 'volumes', volume_id, 'data');
            // Not through a mount, which could not be unmounted: like a container that runs on in a namespace of its own.
            const tenant = await restlessTenant(data, outside, random.below(2 ** 32));
            const codes = new Set<string>();
            const note = async (call: Promise<unknown>) => {
              const outcome = await outcomeOf(call);
              codes.add(outcome === 'OK' ? outcome : `${outcome.code}: ${outcome.details}`);
            };
            const copies: string[] = [];
            for (let copy = 0; copy < COPIES; copy++) {
              const { snapshot_id } = await snapshotOf(node, volume_id, `of ${round}, ${copy}`);
              expect(stolenIn(join(pool, 'snapshots', snapshot_id, 'data'))).toEqual([]);
              await note(node.controller.DeleteSnapshot({ snapshot_id }));
              copies.push(
                await node.create(`clone ${round}, ${copy}`, { ...fromVolume(volume_id), parameters }),
              );
              await note(node.node.NodeGetVolumeStats({ volume_id, volume_path }));
              await note(node.controller.ControllerGetVolumeHealth({ volume_id }));
              const target_path = node.newPath();
              await note(node.node.NodePublishVolume({ ...volume, target_path, volume_capability }));
              await note(node.node.NodeUnpublishVolume({ volume_id, target_path }));
              const grown = { required_bytes: capacity_range.required_bytes + (copy + 1) * 1024 ** 2 };
              await note(node.controller.ControllerExpandVolume({ volume_id, capacity_range: grown }));
            }
            await takeDown(node, volume);
            for (const id of [volume_id, ...copies])
              await note(node.controller.DeleteVolume({ volume_id: id }));
            expect([...codes]).toEqual(['OK']);
            await tenant.end();
            await eventually(() => expect(readdirSync(join(pool, '.outgoing'))).toEqual([]));
          }
        });
        expect(listing(outside)).toEqual(before);
      },
      TIMEOUT_MS,
    );
  },
);
