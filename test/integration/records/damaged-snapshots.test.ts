import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, test } from 'vitest';
import { fromSnapshot, snapshotOf } from '../../support/copies.ts';
import type { TestDriver } from '../../support/driver-process.ts';
import { listing } from '../../support/listing.ts';
import { refusalOf } from '../../support/refusal.ts';
import { createRequest } from '../../support/requests.ts';
import { TestNode } from '../../support/test-node.ts';

/** Possible damage to a record: the text it has afterwards, or undefined if it is missing. */
const damages: Record<string, (text: string, otherText: string) => string | undefined> = {
  'is torn': (text) => text.slice(0, text.length / 2),
  'is empty': () => '',
  'is missing': () => undefined,
  'is of a newer format': (text) => text.replace(/"formatVersion": \d+/, '"formatVersion": 99'),
  'belongs to another snapshot': (_, otherText) => otherText,
  'is full of zeros': (text) => '\0'.repeat(text.length),
  'has an invalid size': (text) => text.replace(/"sizeBytes": "\d+"/, '"sizeBytes": "-1"'),
  'has an unknown backend': (text) => text.replace('"backend": "directory"', '"backend": "tape"'),
  'has no source': (text) => text.replace(/"sourceVolumeId": "[^"]+",/, ''),
};

/** One node for all: a healthy snapshot, and one for each kind of damage, done while the driver was stopped. */
let node: TestNode;
let driver: TestDriver;
let volumeId: string;
let healthyId: string;
const damagedIds = new Map<string, string>();
const listings = new Map<string, string[]>();

beforeAll(async () => {
  node = new TestNode();
  await node.start();
  volumeId = await node.create('source');
  writeFileSync(join(node.pool, 'volumes', volumeId, 'data', 'file'), 'precious');
  healthyId = (await snapshotOf(node, volumeId, 'healthy')).snapshot_id;
  for (const name of Object.keys(damages)) {
    damagedIds.set(name, (await snapshotOf(node, volumeId, name)).snapshot_id);
  }
  await node.stop();
  const recordOf = (id: string) => join(node.pool, 'snapshots', id, 'snapshot.json');
  for (const [name, damage] of Object.entries(damages)) {
    const id = damagedIds.get(name) ?? '';
    const original = readFileSync(recordOf(id), 'utf8');
    const text = damage(original, readFileSync(recordOf(healthyId), 'utf8'));
    expect(text, name).not.toBe(original);
    if (text === undefined) rmSync(recordOf(id));
    else writeFileSync(recordOf(id), text);
    listings.set(id, listing(join(node.pool, 'snapshots', id)));
  }
  driver = await node.start();
  return () => node.dispose();
});

test('damaged records do not stop the start, and the healthy snapshot is served', async () => {
  const { entries } = await node.controller.ListSnapshots({});
  expect(entries.map(({ snapshot }) => snapshot?.snapshot_id)).toEqual([healthyId]);
  expect(await snapshotOf(node, volumeId, 'healthy')).toMatchObject({ snapshot_id: healthyId });
  const restored = await node.create('restored', fromSnapshot(healthyId));
  expect(readFileSync(join(node.pool, 'volumes', restored, 'data', 'file'), 'utf8')).toBe('precious');
});

describe.each(Object.keys(damages))('a snapshot’s record that %s', (name) => {
  test('is logged', () => {
    const lines = driver
      .log()
      .split('\n')
      .filter((line) => line.includes('damaged record'));
    expect(lines.filter((line) => line.includes(damagedIds.get(name) ?? ''))).toHaveLength(1);
  });

  test('makes every call with its id or name fail, so that it is not treated as deleted', async () => {
    const snapshot_id = damagedIds.get(name) ?? '';
    const calls = {
      delete: () => node.controller.DeleteSnapshot({ snapshot_id }),
      get: () => node.controller.GetSnapshot({ snapshot_id }),
      restore: () => node.controller.CreateVolume(createRequest(`of ${name}`, fromSnapshot(snapshot_id))),
      again: () => node.controller.CreateSnapshot({ name, source_volume_id: volumeId }),
    };
    for (const [rpc, call] of Object.entries(calls)) {
      expect(await refusalOf(call()), rpc).toEqual({
        code: 'INTERNAL',
        details: expect.stringContaining(snapshot_id),
      });
    }
    expect(listing(join(node.pool, 'snapshots', snapshot_id))).toEqual(listings.get(snapshot_id));
    expect(listing(join(node.pool, '.incoming'))).toEqual([]);
  });
});
