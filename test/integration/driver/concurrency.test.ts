import { existsSync, readdirSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { beforeEach, expect, test } from 'vitest';
import { eventually } from '../../support/eventually.ts';
import { outcomeOf } from '../../support/refusal.ts';
import { createRequest, mountCapability } from '../../support/requests.ts';
import { mountsBelow } from '../../support/scratch.ts';
import { type Published, startedNode, type TestNode } from '../../support/test-node.ts';

const volume_capability = mountCapability();
const COUNT = 50;

let node: TestNode;

beforeEach(async () => {
  node = await startedNode();
});

function times<Value>(count: number, make: (index: number) => Value): Value[] {
  return Array.from({ length: count }, (_, index) => make(index));
}

/** The codes of calls made at the same time, without duplicates. */
async function codesOf(calls: Promise<unknown>[]): Promise<string[]> {
  const outcomes = await Promise.all(calls.map(outcomeOf));
  return [...new Set(outcomes.map((outcome) => (outcome === 'OK' ? 'OK' : outcome.code)))].sort();
}

/** Retries until no other call is in progress, as a CO does. */
async function untilNotAborted<Reply>(call: () => Promise<Reply>): Promise<Reply> {
  for (;;) {
    const outcome = await call().then(
      (reply) => ({ reply }),
      (error: { code: number }) => ({ error }),
    );
    if ('reply' in outcome) return outcome.reply;
    const ABORTED = 10;
    if (outcome.error.code !== ABORTED) throw outcome.error;
  }
}

async function expectNothingLeft(): Promise<void> {
  expect(await mountsBelow(node.directory)).toEqual([]);
  for (const name of ['volumes', '.incoming']) expect(readdirSync(join(node.pool, name)), name).toEqual([]);
  await eventually(() => expect(readdirSync(join(node.pool, '.outgoing'))).toEqual([]));
  expect((await node.controller.ListVolumes({})).entries).toEqual([]);
}

test('fifty creates of one name at the same time make one volume', async () => {
  const calls = times(COUNT, () => node.controller.CreateVolume(createRequest('one')));
  const replies = await Promise.allSettled(calls);
  expect(await codesOf(calls)).toEqual(expect.arrayContaining(['OK']));
  for (const code of await codesOf(calls)) expect(code).toMatch(/^(OK|ABORTED)$/);
  const ids = replies.flatMap((reply) =>
    reply.status === 'fulfilled' ? [reply.value.volume?.volume_id] : [],
  );
  expect(new Set(ids).size).toBe(1);
  expect(readdirSync(join(node.pool, 'volumes'))).toEqual([ids[0]]);
  expect(readdirSync(join(node.pool, '.incoming'))).toEqual([]);
});

test('fifty creates of different names at the same time all succeed', async () => {
  const ids = await Promise.all(times(COUNT, (index) => node.create(`name ${index}`)));
  expect(readdirSync(join(node.pool, 'volumes')).sort()).toEqual(ids.sort());
  await node.restart();
  const { entries = [] } = await node.controller.ListVolumes({});
  expect(entries.map((entry) => entry.volume?.volume_id)).toEqual(ids);
  await Promise.all(ids.map((volume_id) => node.controller.DeleteVolume({ volume_id })));
  await expectNothingLeft();
});

test('stages of one volume at one path at the same time leave one mount', async () => {
  const volume_id = await node.create('stages');
  const staging_target_path = node.newStaging();
  const stage = () => node.node.NodeStageVolume({ volume_id, staging_target_path, volume_capability });
  for (const code of await codesOf(times(COUNT, stage))) expect(code).toMatch(/^(OK|ABORTED)$/);
  expect(await mountsBelow(node.directory)).toEqual([staging_target_path]);
});

test('publishes of one volume at one target at the same time leave one mount', async () => {
  const paths = await node.createStaged('publishes');
  const publish = () => node.node.NodePublishVolume({ ...paths, volume_capability });
  for (const code of await codesOf(times(COUNT, publish))) expect(code).toMatch(/^(OK|ABORTED)$/);
  expect(await mountsBelow(paths.target_path)).toEqual([paths.target_path]);
});

test('publishes at one target at the same time leave one mount, however the target is written', async () => {
  const [one, other] = [await node.createStaged('one spelling'), await node.createStaged('another spelling')];
  const { target_path } = one;
  const spellings = [
    target_path,
    `${target_path}/`,
    target_path.replace('/mount', '//mount'),
    `${target_path}/.`,
  ];
  const calls = times(COUNT, (index) => {
    const paths = index % 2 === 0 ? one : other;
    const spelled = spellings[index % spellings.length] ?? target_path;
    return node.node.NodePublishVolume({ ...paths, target_path: spelled, volume_capability });
  });
  for (const code of await codesOf(calls)) expect(code).toMatch(/^(OK|ABORTED|FAILED_PRECONDITION)$/);
  expect(await mountsBelow(target_path)).toEqual([target_path]);
});

test('publishes of one volume at different targets at the same time all succeed', async () => {
  const paths = await node.createStaged('targets');
  const targets = times(COUNT, () => node.newPath());
  const calls = targets.map((target_path) =>
    node.node.NodePublishVolume({ ...paths, target_path, volume_capability }),
  );
  expect(await codesOf(calls)).toEqual(['OK']);
  expect((await mountsBelow(node.directory)).sort()).toEqual([paths.staging_target_path, ...targets].sort());
});

test('publishes for a single writer at different targets at the same time leave one mount', async () => {
  const capability = mountCapability('SINGLE_NODE_SINGLE_WRITER');
  const paths = await node.createStaged('single writer', capability);
  const targets = times(COUNT, () => node.newPath());
  const calls = targets.map((target_path) =>
    node.node.NodePublishVolume({ ...paths, target_path, volume_capability: capability }),
  );
  const outcomes = await Promise.all(calls.map(outcomeOf));
  expect(outcomes.filter((outcome) => outcome === 'OK')).toHaveLength(1);
  for (const outcome of outcomes) {
    if (outcome !== 'OK') expect(outcome.code).toMatch(/^(FAILED_PRECONDITION|ABORTED)$/);
  }
  const mounted = targets.filter((path) => existsSync(path));
  expect(mounted).toHaveLength(1);
  expect((await mountsBelow(node.directory)).sort()).toEqual([paths.staging_target_path, ...mounted].sort());
});

test('deletes of one volume at the same time remove it once', async () => {
  const volume_id = await node.create('deletes');
  const calls = times(COUNT, () => node.controller.DeleteVolume({ volume_id }));
  for (const code of await codesOf(calls)) expect(code).toMatch(/^(OK|ABORTED)$/);
  await expectNothingLeft();
});

test('a delete and a stage of one volume at the same time leave it deleted or staged, not both', async () => {
  for (const index of times(20, (each) => each)) {
    const volume_id = await node.create(`either ${index}`);
    const staging_target_path = node.newStaging();
    const stage = node.node.NodeStageVolume({ volume_id, staging_target_path, volume_capability });
    const [staged, deleted] = await Promise.all([
      outcomeOf(stage),
      outcomeOf(node.controller.DeleteVolume({ volume_id })),
    ]);
    expect([staged, deleted].filter((outcome) => outcome === 'OK').length).toBe(1);
    expect(await mountsBelow(staging_target_path)).toEqual(staged === 'OK' ? [staging_target_path] : []);
    expect(existsSync(join(node.pool, 'volumes', volume_id))).toBe(deleted !== 'OK');
  }
});

test('random calls on a few volumes leave the expected volumes, each in its expected state', async () => {
  const volumes: Published[] = await Promise.all(times(4, (index) => node.createStaged(`storm ${index}`)));
  const { controller, node: nodeService } = node;
  const calls = times(300, (index) => {
    const paths = volumes[index % volumes.length] as Published;
    const target_path = `${paths.target_path}-${index % 3}`;
    switch ((index * 7) % 5) {
      case 0:
        return nodeService.NodeStageVolume({ ...paths, volume_capability });
      case 1:
        return nodeService.NodeUnstageVolume(paths);
      case 2:
      case 3:
        return nodeService.NodePublishVolume({ ...paths, target_path, volume_capability });
      default:
        return index % 2 === 0
          ? controller.DeleteVolume(paths)
          : nodeService.NodeUnpublishVolume({ ...paths, target_path });
    }
  });
  for (const code of await codesOf(calls))
    expect(code).toMatch(/^(OK|ABORTED|FAILED_PRECONDITION|NOT_FOUND)$/);
  for (const paths of volumes) {
    for (const suffix of [0, 1, 2]) {
      const target_path = `${paths.target_path}-${suffix}`;
      await untilNotAborted(() => nodeService.NodeUnpublishVolume({ ...paths, target_path }));
    }
    await untilNotAborted(() => nodeService.NodeUnstageVolume(paths));
    await untilNotAborted(() => controller.DeleteVolume(paths));
    expect(readdirSync(dirname(paths.target_path))).toEqual([]);
  }
  await expectNothingLeft();
});

test('concurrent full lifecycles, with each call repeated while it runs, leave nothing behind', async () => {
  const { controller, node: nodeService } = node;
  const twice = async (call: () => Promise<unknown>) => {
    await Promise.all([untilNotAborted(call), untilNotAborted(call)]);
  };
  const life = async (index: number) => {
    const create = () => node.create(`life ${index}`);
    await twice(create);
    const volume_id = await create();
    const paths = { volume_id, staging_target_path: node.newStaging(), target_path: node.newPath() };
    await twice(() => nodeService.NodeStageVolume({ ...paths, volume_capability }));
    await twice(() => nodeService.NodePublishVolume({ ...paths, volume_capability }));
    await twice(() => nodeService.NodeUnpublishVolume(paths));
    await twice(() => nodeService.NodeUnstageVolume(paths));
    await twice(() => controller.DeleteVolume(paths));
  };
  await Promise.all(times(20, life));
  await expectNothingLeft();
});
