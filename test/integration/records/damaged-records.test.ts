import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, test } from 'vitest';
import type { TestDriver } from '../../support/driver-process.ts';
import { listing } from '../../support/listing.ts';
import { expectRefusal, refusalOf } from '../../support/refusal.ts';
import { createRequest, mountCapability } from '../../support/requests.ts';
import { mountsBelow } from '../../support/scratch.ts';
import { startedNode, TestNode } from '../../support/test-node.ts';

const volume_capability = mountCapability();

/** Possible damage to a record: the text it has afterwards, or undefined if it is missing. */
const damages: Record<string, (text: string, otherText: string) => string | undefined> = {
  'is torn': (text) => text.slice(0, text.length / 2),
  'is empty': () => '',
  'is missing': () => undefined,
  'is of a newer format': (text) => text.replace(/"formatVersion": \d+/, '"formatVersion": 99'),
  'has no format version': (text) => text.replace(/"formatVersion": \d+,/, ''),
  'belongs to another volume': (_, otherText) => otherText,
  'is full of zeros': (text) => '\0'.repeat(text.length),
  'has an invalid size': (text) => text.replace(/"capacityBytes": "\d+"/, '"capacityBytes": "-1"'),
  'has an unknown backend': (text) => text.replace('"backend": "directory"', '"backend": "tape"'),
  'has an invalid mode': (text) => text.replace('"0777"', '"rwx"'),
};

/** One node for all: a healthy volume, and one for each kind of damage, done while the driver was stopped. */
let node: TestNode;
let driver: TestDriver;
let healthyId: string;
const damagedIds = new Map<string, string>();
const listings = new Map<string, string[]>();

beforeAll(async () => {
  node = new TestNode();
  await node.start();
  healthyId = await node.create('healthy');
  for (const name of Object.keys(damages)) damagedIds.set(name, await node.create(name));
  await node.stop();
  const recordOf = (id: string) => join(node.pool, 'volumes', id, 'volume.json');
  for (const [name, damage] of Object.entries(damages)) {
    const id = damagedIds.get(name) ?? '';
    writeFileSync(join(node.pool, 'volumes', id, 'data', 'file'), 'precious');
    const text = damage(readFileSync(recordOf(id), 'utf8'), readFileSync(recordOf(healthyId), 'utf8'));
    if (text === undefined) rmSync(recordOf(id));
    else writeFileSync(recordOf(id), text);
    listings.set(id, listing(join(node.pool, 'volumes', id)));
  }
  driver = await node.start();
  return () => node.dispose();
});

async function expectServed(onNode: TestNode, volume_id: string): Promise<void> {
  const { entries = [] } = await onNode.controller.ListVolumes({});
  expect(entries.map((entry) => entry.volume?.volume_id)).toEqual([volume_id]);
  expect(await onNode.create('healthy')).toBe(volume_id);
  const staging_target_path = onNode.newStaging();
  await onNode.node.NodeStageVolume({ volume_id, staging_target_path, volume_capability });
  await onNode.node.NodeUnstageVolume({ volume_id, staging_target_path });
}

test('damaged records do not stop the start, and the healthy volume is served', async () => {
  await expectServed(node, healthyId);
});

describe.each(Object.keys(damages))('a record that %s', (name) => {
  test('is logged', () => {
    const volumeId = damagedIds.get(name) ?? '';
    const lines = driver
      .log()
      .split('\n')
      .filter((line) => line.includes('damaged record'));
    expect(lines.map((line) => JSON.parse(line))).toContainEqual(expect.objectContaining({ volumeId }));
  });

  test('makes every call with its id fail, so that it is not treated as deleted', async () => {
    const volume_id = damagedIds.get(name) ?? '';
    const paths = { staging_target_path: node.newStaging(), target_path: node.newPath() };
    const { controller, node: nodeService } = node;
    const calls = {
      delete: () => controller.DeleteVolume({ volume_id }),
      get: () => controller.ControllerGetVolume({ volume_id }),
      validate: () =>
        controller.ValidateVolumeCapabilities({ volume_id, volume_capabilities: [volume_capability] }),
      stage: () => nodeService.NodeStageVolume({ volume_id, ...paths, volume_capability }),
      publish: () => nodeService.NodePublishVolume({ volume_id, ...paths, volume_capability }),
      stats: () => nodeService.NodeGetVolumeStats({ volume_id, volume_path: paths.staging_target_path }),
    };
    for (const [rpc, call] of Object.entries(calls)) {
      expect(await refusalOf(call()), rpc).toEqual({
        code: 'INTERNAL',
        details: expect.stringContaining(volume_id),
      });
    }
    expect(await mountsBelow(paths.staging_target_path)).toEqual([]);
    expect(listing(join(node.pool, 'volumes', volume_id))).toEqual(listings.get(volume_id));
  });

  test('keeps its name from being reused, and its files unchanged', async () => {
    const volume_id = damagedIds.get(name) ?? '';
    await expectRefusal(node.controller.CreateVolume(createRequest(name)), 'INTERNAL', volume_id);
    expect(listing(join(node.pool, 'volumes', volume_id))).toEqual(listings.get(volume_id));
  });
});

test('a volume whose record is damaged while it is mounted can be unpublished and unstaged', async () => {
  const own = await startedNode();
  const { volume_id, staging_target_path, target_path } = await own.createPublished('damaged');
  await own.stop();
  writeFileSync(join(own.pool, 'volumes', volume_id, 'volume.json'), '');
  await own.start();
  await own.node.NodeUnpublishVolume({ volume_id, target_path });
  await own.node.NodeUnstageVolume({ volume_id, staging_target_path });
  expect(await mountsBelow(own.directory)).toEqual([]);
  await expectRefusal(own.controller.DeleteVolume({ volume_id }), 'INTERNAL');
});

test('a volume whose record has been repaired is served again', async () => {
  const own = await startedNode();
  const volume_id = await own.create('mended');
  const record = join(own.pool, 'volumes', volume_id, 'volume.json');
  const text = readFileSync(record);
  await own.stop();
  writeFileSync(record, '');
  await own.restart();
  await expectRefusal(own.controller.ControllerGetVolume({ volume_id }), 'INTERNAL');
  await own.stop();
  writeFileSync(record, text);
  await own.start();
  expect(await own.create('mended')).toBe(volume_id);
});

test('a file among the volumes does not stop the start, and stays', async () => {
  const own = await startedNode();
  const volume_id = await own.create('healthy');
  await own.stop();
  const path = join(own.pool, 'volumes', 'file');
  writeFileSync(path, 'content');
  await own.start();
  await expectServed(own, volume_id);
  expect(readFileSync(path, 'utf8')).toBe('content');
});

test('a volume without its data reports that when it is staged, and can be deleted', async () => {
  const own = await startedNode();
  const volume_id = await own.create('hollow');
  rmSync(join(own.pool, 'volumes', volume_id, 'data'), { recursive: true });
  const staging_target_path = own.newStaging();
  const call = own.node.NodeStageVolume({ volume_id, staging_target_path, volume_capability });
  await expectRefusal(call, 'INTERNAL', 'lost its data');
  await own.controller.DeleteVolume({ volume_id });
  expect(listing(join(own.pool, 'volumes'))).toEqual([]);
});

test('a volume whose id has the prefix of an imported one is damaged like any other', async () => {
  const own = await startedNode();
  const volume_id = await own.create('x-files');
  expect(volume_id).toMatch(/^x-/);
  await own.stop();
  writeFileSync(join(own.pool, 'volumes', volume_id, 'volume.json'), '');
  await own.start();
  await expectRefusal(own.controller.ControllerGetVolume({ volume_id }), 'INTERNAL', volume_id);
  await expectRefusal(own.controller.DeleteVolume({ volume_id }), 'INTERNAL', volume_id);
  await expectRefusal(own.controller.CreateVolume(createRequest('x-files')), 'INTERNAL', volume_id);
});
