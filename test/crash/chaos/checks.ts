import { readdirSync } from 'node:fs';
import { expect } from 'vitest';
import { eventually } from '../../support/eventually.ts';
import { mountsBelow } from '../../support/scratch.ts';
import { type ChaosNode, capacityBytes } from './chaos-node.ts';
import { problemOfSnapshot, problemOfVolume } from './content.ts';
import { contentName, poolNames } from './kinds.ts';
import { countedBytes, type Ledger } from './ledger.ts';

/** Expects all acknowledged objects to be listed before any call is repeated. @param uncertainIds those that may be gone */
export async function expectNothingLost(
  node: ChaosNode,
  ledger: Ledger,
  uncertainIds: readonly string[],
): Promise<void> {
  const listed = [...(await listedVolumes(node)), ...(await listedSnapshots(node))].map(([id]) => id);
  const known = [...ledger.volumes.keys(), ...ledger.snapshots.keys()];
  expect(listed).toEqual(expect.arrayContaining(known.filter((id) => !uncertainIds.includes(id))));
}

/** Expects the acknowledged objects, with their sizes, and no others. */
export async function expectListed(node: ChaosNode, { volumes, snapshots }: Ledger): Promise<void> {
  const sizes = [...volumes.values()].map(({ id, sizeBytes }) => [id, sizeBytes]);
  expect((await listedVolumes(node)).sort()).toEqual(sizes.sort());
  const groups = [...snapshots.values()].map(({ id, groupId = '' }) => [id, groupId]);
  expect((await listedSnapshots(node)).sort()).toEqual(groups.sort());
}

/** Expects the room in each pool to be its capacity without the volumes. */
export async function expectCapacity({ test: { controller } }: ChaosNode, ledger: Ledger): Promise<void> {
  for (const pool of poolNames) {
    const { available_capacity } = await controller.GetCapacity({ parameters: { pool } });
    expect(Number(available_capacity), pool).toBe(capacityBytes - countedBytes(ledger, pool));
  }
}

/** Expects every volume and snapshot to have the content that was written to it. */
export async function expectContent(node: ChaosNode, { volumes, snapshots }: Ledger): Promise<void> {
  for (const volume of volumes.values()) expect(await problemOfVolume(node, volume)).toBeUndefined();
  for (const snapshot of snapshots.values()) expect(await problemOfSnapshot(node, snapshot)).toBeUndefined();
}

/** Expects the directories, mounts and devices of the acknowledged objects, and no others. */
export async function expectOnDisk(node: ChaosNode, ledger: Ledger): Promise<void> {
  const { volumes, snapshots, retained, groupIds } = ledger;
  expect(node.unknownNames()).toEqual([]);
  expect(node.names('volumes')).toEqual([...volumes.keys()].sort());
  expect(node.names('retained')).toEqual([...retained.keys()].sort());
  const alone = [...snapshots.values()].filter(({ groupId }) => groupId === undefined);
  expect(node.names('snapshots')).toEqual(alone.map(({ id }) => id).sort());
  expect(node.names('groups')).toEqual([...groupIds].sort());
  for (const { id, kind } of volumes.values()) {
    expect(readdirSync(node.path(kind.pool, 'volumes', id)).sort()).toEqual([
      contentName(kind),
      'volume.json',
    ]);
  }
  for (const { id, kind } of alone) {
    expect(readdirSync(node.path(kind.pool, 'snapshots', id)).sort()).toEqual([
      contentName(kind),
      'snapshot.json',
    ]);
  }
  for (const groupId of groupIds) {
    const members = ledger.membersOf(groupId);
    const home = node.path(members[0]?.kind.pool ?? 'default', 'groups', groupId);
    expect(readdirSync(home).sort()).toEqual([...members.map(({ id }) => id), 'group.json'].sort());
  }
  await expectMounts(node, ledger);
  // What was being made or removed is cleared away in the background.
  for (const name of [['.incoming'], ['.outgoing'], ['.csi-hostpath', 'frozen']]) {
    await eventually(() => expect(node.names(...name), name.join('/')).toEqual([]), { interval: 10 });
  }
}

async function expectMounts(node: ChaosNode, { volumes }: Ledger): Promise<void> {
  const all = [...volumes.values()];
  const staged = all.filter(({ isStaged }) => isStaged);
  const mounted = staged.filter(({ kind }) => kind.form !== 'block').map(({ staging }) => staging);
  const published = all.filter(({ isPublished }) => isPublished).map(({ target }) => target);
  expect((await mountsBelow(node.test.directory)).sort()).toEqual([...mounted, ...published].sort());
  const images = staged.filter(({ kind }) => contentName(kind) === 'image');
  const files = images.map(({ kind, id }) => node.path(kind.pool, 'volumes', id, 'image'));
  // A device is detached some time after its last user is gone.
  await eventually(() => expect(node.attachedImages().sort()).toEqual(files.sort()), { interval: 10 });
}

async function listedVolumes({ test: { controller } }: ChaosNode): Promise<[string, number][]> {
  const { entries } = await controller.ListVolumes({});
  return entries.flatMap(({ volume }) => (volume ? [[volume.volume_id, Number(volume.capacity_bytes)]] : []));
}

async function listedSnapshots({ test: { controller } }: ChaosNode): Promise<[string, string][]> {
  const { entries } = await controller.ListSnapshots({});
  return entries.flatMap(({ snapshot }) =>
    snapshot ? [[snapshot.snapshot_id, snapshot.group_snapshot_id]] : [],
  );
}
