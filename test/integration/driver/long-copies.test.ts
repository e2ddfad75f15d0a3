import {
  closeSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  statSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { join } from 'node:path';
import { credentials, status } from '@grpc/grpc-js';
import { describe, expect, onTestFinished, test } from 'vitest';
import type { Step } from '../../../src/model/steps.ts';
import { csiClients } from '../../../src/rpc/proto.ts';
import { btrfs } from '../../support/btrfs.ts';
import { fromSnapshot, fromVolume, snapshotOf } from '../../support/copies.ts';
import { mountedImage } from '../../support/disk-image.ts';
import type { TestDriver } from '../../support/driver-process.ts';
import { eventually } from '../../support/eventually.ts';
import { type Gate, gateAt } from '../../support/gate/gate.ts';
import { isHostRoot } from '../../support/host-root.ts';
import { fileSystem, image } from '../../support/image-node.ts';
import { expectRefusal, outcomeOf, refusalOf } from '../../support/refusal.ts';
import { createRequest, mountCapability } from '../../support/requests.ts';
import { mountsBelow } from '../../support/scratch.ts';
import { type Published, startedNode, type TestNode, testNode } from '../../support/test-node.ts';
import { thawAtEnd } from '../../support/thaw-mounts.ts';

const MIB = 1024 ** 2;
const volume_capability = mountCapability();
// How long background work may take before the test fails; no test waits longer than the work takes.
// Long enough for a call to reach the driver, where it waits until the test lets it go on.
const CALLER_PATIENCE_MS = 2000;

type Options = { deadline?: number };

/** The objects of a node before the copies, which the calls refer to. */
interface Sources {
  readonly node: TestNode;
  readonly volume: string;
  readonly otherVolume: string;
  readonly snapshot: string;
}

/** One way to make a copy. */
interface Copying {
  /** Where its calls wait: nothing is copied yet. */
  readonly step: Step;
  /** Makes the copy, with this name. @returns its id */
  make(sources: Sources, name: string, options?: Options): Promise<string | undefined>;
  /** A different request with the same name. */
  makeOther(sources: Sources, name: string): Promise<unknown>;
  /** Where copies of this kind are stored. */
  readonly home: 'volumes' | 'snapshots' | 'groups';
}

const clone: Copying = {
  step: 'create: record written',
  home: 'volumes',
  async make({ node, volume }, name, options) {
    const { controller } = node;
    return (await controller.CreateVolume(createRequest(name, fromVolume(volume)), options)).volume
      ?.volume_id;
  },
  makeOther: ({ node, otherVolume }, name) => node.create(name, fromVolume(otherVolume)),
};

const restore: Copying = {
  step: 'create: record written',
  home: 'volumes',
  async make({ node, snapshot }, name, options) {
    const request = createRequest(name, fromSnapshot(snapshot));
    return (await node.controller.CreateVolume(request, options)).volume?.volume_id;
  },
  makeOther: ({ node }, name) => node.create(name),
};

const cut: Copying = {
  step: 'snapshot: record written',
  home: 'snapshots',
  async make({ node, volume }, name, options) {
    const request = { name, source_volume_id: volume };
    return (await node.controller.CreateSnapshot(request, options)).snapshot?.snapshot_id;
  },
  makeOther: ({ node, otherVolume }, name) =>
    node.controller.CreateSnapshot({ name, source_volume_id: otherVolume }),
};

const cutGroup: Copying = {
  step: 'group: record written',
  home: 'groups',
  async make({ node, volume }, name, options) {
    const request = { name, source_volume_ids: [volume] };
    const { group_snapshot } = await node.groupController.CreateVolumeGroupSnapshot(request, options);
    return group_snapshot?.group_snapshot_id;
  },
  makeOther: ({ node, otherVolume }, name) =>
    node.groupController.CreateVolumeGroupSnapshot({ name, source_volume_ids: [otherVolume] }),
};

const copyings: [string, Copying][] = [
  ['a clone', clone],
  ['a restored snapshot', restore],
  ['a snapshot', cut],
  ['a group snapshot', cutGroup],
];

interface Waiting extends Sources {
  readonly gate: Gate;
  readonly driver: TestDriver;
}

/** A node with two plain directories and a snapshot, whose driver holds calls at a step. */
async function nodeWaitingAt(step: Step): Promise<Waiting> {
  const node = await startedNode();
  const volume = await node.create('source');
  const otherVolume = await node.create('other source');
  writeFileSync(join(node.pool, 'volumes', volume, 'data', 'file'), 'content');
  const { snapshot_id: snapshot } = await snapshotOf(node, volume, 'earlier');
  const gate = await gateAt(step, join(node.directory, 'gate'));
  const driver = await node.restart(gate.start);
  return { node, volume, otherVolume, snapshot, gate, driver };
}

/** The lines of the log with this message, oldest first. */
function logged(driver: TestDriver, message: string): Record<string, unknown>[] {
  return logLines(driver).filter(({ msg }) => msg === message);
}

function logLines(driver: TestDriver): Record<string, unknown>[] {
  const lines = driver.log().split('\n');
  // The last line may not be complete yet.
  return lines.slice(0, -1).map((line) => JSON.parse(line) as Record<string, unknown>);
}

/** The ids of the copies in progress, in the order in which they began. */
function startedIds(driver: TestDriver): string[] {
  return logged(driver, 'copy started').map(({ id }) => String(id));
}

/** Waits until this many copies have begun. @returns the id of the last copy's object */
async function lastStarted(driver: TestDriver, count = 1): Promise<string> {
  await eventually(() => expect(startedIds(driver)).toHaveLength(count), { interval: 5 });
  return startedIds(driver).at(-1) ?? '';
}

/** Lets all calls through the gate, until these calls are answered. */
async function answers<Reply>(gate: Gate, call: Promise<Reply>): Promise<Reply> {
  const opening = setInterval(() => gate.open(), 5);
  try {
    return await call;
  } finally {
    clearInterval(opening);
  }
}

/** A call has reached the driver when a later call on the same connection is answered. */
async function callsHaveArrived({ controller, groupController }: TestNode): Promise<void> {
  await controller.ControllerGetCapabilities({});
  await groupController.GroupControllerGetCapabilities({});
}

async function expectNothingIncoming(pool: string): Promise<void> {
  await eventually(() => expect(readdirSync(join(pool, '.incoming'))).toEqual([]), { interval: 5 });
}

/** Makes a file that takes long to copy, without being large: it has this many pieces, each followed by a hole. */
function writePieces(path: string, count: number): void {
  const piece = Buffer.alloc(4096, 7);
  const fd = openSync(path, 'wx');
  for (let index = 0; index < count; index++) writeSync(fd, piece, 0, piece.length, index * 2 * piece.length);
  closeSync(fd);
}

describe.each(copyings)(
  '%s that takes longer than its caller waits',
  (_, { step, make, makeOther, home }) => {
    test('is made once: two retries at the same moment wait for it and get it, and later ones find it', async () => {
      const held = await nodeWaitingAt(step);
      const { node, gate, driver } = held;
      const before = readdirSync(join(node.pool, home));
      const impatient = refusalOf(make(held, 'copy', { deadline: Date.now() + CALLER_PATIENCE_MS }));
      await gate.reached();
      expect((await impatient).code).toBe('DEADLINE_EXCEEDED');

      const retries = [make(held, 'copy'), make(held, 'copy')];
      await callsHaveArrived(node);
      gate.open();
      const [id = '', second] = await Promise.all(retries);
      expect(second).toBe(id);
      expect(await make(held, 'copy')).toBe(id);
      expect(readdirSync(join(node.pool, home)).sort()).toEqual([...before, id].sort());
      expect(readdirSync(join(node.pool, '.incoming'))).toEqual([]);
      expect(startedIds(driver)).toHaveLength(1);
      await node.restart();
      expect(await make(held, 'copy')).toBe(id);
    });

    test('keeps its name: a different request is aborted, and refused afterwards', async () => {
      const held = await nodeWaitingAt(step);
      const making = make(held, 'copy');
      await held.gate.reached();
      await expectRefusal(makeOther(held, 'copy'), 'ABORTED', '"copy"');
      held.gate.open();
      await making;
      await expectRefusal(makeOther(held, 'copy'), 'ALREADY_EXISTS', '"copy"');
    });

    test('goes on when its caller cancels the call', async () => {
      const held = await nodeWaitingAt(step);
      const { node, gate, driver } = held;
      const calls = cancelled(held, { step, make, makeOther, home });
      await gate.reached();
      expect(await calls.cancel()).toBe(status.CANCELLED);
      const retry = make(held, 'copy');
      await callsHaveArrived(node);
      gate.open();
      const id = await retry;
      expect(readdirSync(join(node.pool, home))).toContain(id);
      expect(startedIds(driver)).toHaveLength(1);
    });
  },
);

/** Makes the call `copy` so that it can be cancelled. */
function cancelled({ node, volume, snapshot }: Sources, { home, make }: Copying) {
  const credential = credentials.createInsecure();
  const controller = new csiClients.Controller(`unix:${node.socket}`, credential);
  const groupController = new csiClients.GroupController(`unix:${node.socket}`, credential);
  onTestFinished(() => {
    controller.close();
    groupController.close();
  });
  let answer: (error: { code: status } | null) => void = () => {};
  const code = new Promise<status | undefined>((resolve) => {
    answer = (error) => resolve(error?.code);
  });
  const source = make === restore.make ? fromSnapshot(snapshot) : fromVolume(volume);
  const call = {
    volumes: () => controller.CreateVolume(createRequest('copy', source), answer),
    snapshots: () => controller.CreateSnapshot({ name: 'copy', source_volume_id: volume }, answer),
    groups: () =>
      groupController.CreateVolumeGroupSnapshot({ name: 'copy', source_volume_ids: [volume] }, answer),
  }[home]();
  return {
    cancel() {
      call.cancel();
      return code;
    },
  };
}

describe('while a volume is copied', () => {
  test('calls for other objects, and other copies of it, succeed', async () => {
    const held = await nodeWaitingAt('create: record written');
    const { node, gate, volume, otherVolume, snapshot } = held;
    const { controller } = node;
    const making = clone.make(held, 'copy');
    await gate.reached();
    const cutMeanwhile = await cut.make(held, 'meanwhile');
    await cutGroup.make({ ...held, volume: otherVolume }, 'of another');
    await controller.DeleteSnapshot({ snapshot_id: snapshot });
    await node.node.NodeStageVolume({
      volume_id: otherVolume,
      staging_target_path: node.newStaging(),
      volume_capability,
    });
    const { entries = [] } = await controller.ListSnapshots({ source_volume_id: volume });
    expect(entries.map((entry) => entry.snapshot?.snapshot_id)).toEqual([cutMeanwhile]);
    const listed = (await controller.ListVolumes({})).entries ?? [];
    expect(listed.map((entry) => entry.volume?.volume_id).sort()).toEqual([volume, otherVolume].sort());
    gate.open();
    await making;
  });

  test('it cannot be staged, grown or deleted, and all of that works afterwards', async () => {
    const held = await nodeWaitingAt('snapshot: record written');
    const { node, gate, volume: volume_id } = held;
    const paths = { volume_id, staging_target_path: node.newStaging(), target_path: node.newPath() };
    const stage = () => node.node.NodeStageVolume({ ...paths, volume_capability });
    const expand = () =>
      node.controller.ControllerExpandVolume({ volume_id, capacity_range: { required_bytes: 2 * MIB } });
    const remove = () => node.controller.DeleteVolume({ volume_id });
    const making = cut.make(held, 'copy');
    await gate.reached();
    for (const call of [stage, expand, remove]) await expectRefusal(call(), 'ABORTED', volume_id);
    expect(await mountsBelow(node.directory)).toEqual([]);
    gate.open();
    const snapshot_id = (await making) ?? '';
    await stage();
    await node.node.NodePublishVolume({ ...paths, volume_capability });
    expect(readFileSync(join(paths.target_path, 'file'), 'utf8')).toBe('content');
    await node.node.NodeUnpublishVolume(paths);
    await node.node.NodeUnstageVolume(paths);
    await expand();
    await remove();
    const data = join(node.pool, 'snapshots', snapshot_id, 'data');
    expect(readFileSync(join(data, 'file'), 'utf8')).toBe('content');
  });

  test('and staged, it can be published and unpublished, but not unstaged', async () => {
    const held = await nodeWaitingAt('snapshot: record written');
    const { node, gate, volume: volume_id } = held;
    const paths = { volume_id, staging_target_path: node.newStaging(), target_path: node.newPath() };
    await node.node.NodeStageVolume({ ...paths, volume_capability });
    const making = cut.make(held, 'copy');
    await gate.reached();
    await node.node.NodePublishVolume({ ...paths, volume_capability });
    expect(readFileSync(join(paths.target_path, 'file'), 'utf8')).toBe('content');
    await node.node.NodeUnpublishVolume(paths);
    await expectRefusal(node.node.NodeUnstageVolume(paths), 'ABORTED', volume_id);
    gate.open();
    await making;
    await node.node.NodeUnstageVolume(paths);
    expect(await mountsBelow(node.directory)).toEqual([]);
  });

  test('a snapshot that is being restored cannot be deleted, and can be afterwards', async () => {
    const held = await nodeWaitingAt('create: record written');
    const { node, gate, snapshot: snapshot_id } = held;
    const making = restore.make(held, 'copy');
    await gate.reached();
    await expectRefusal(node.controller.DeleteSnapshot({ snapshot_id }), 'ABORTED', snapshot_id);
    gate.open();
    const id = (await making) ?? '';
    await node.controller.DeleteSnapshot({ snapshot_id });
    expect(readFileSync(join(node.pool, 'volumes', id, 'data', 'file'), 'utf8')).toBe('content');
  });
});

describe('copies that must wait for their turn', () => {
  test('are all made, however many there are, and four at a time', async () => {
    const node = testNode();
    const driver = await node.start({ ownProcess: true });
    const volume = await node.create('source');
    const names = Array.from({ length: 100 }, (_, index) => `snapshot ${index}`);
    const snapshots = await Promise.all(names.map((name) => snapshotOf(node, volume, name)));
    expect(new Set(snapshots.map(({ snapshot_id }) => snapshot_id)).size).toBe(names.length);
    let [count, most] = [0, 0];
    for (const { msg } of logLines(driver)) {
      if (msg === 'copy started') most = Math.max(most, ++count);
      if (msg === 'copy done') count--;
    }
    expect(most).toBe(4);
  });

  test('take no place of other calls, and are given up with their callers; nothing of them is left', async () => {
    const held = await nodeWaitingAt('snapshot: record written');
    const { node, gate, volume, otherVolume } = held;
    const running = [1, 2, 3, 4].map((number) => cut.make(held, `copy ${number}`));
    await eventually(() => expect(readdirSync(join(node.pool, '.incoming'))).toHaveLength(4), {
      interval: 5,
    });
    // More than there are places.
    const names = Array.from({ length: 40 }, (_, index) => `waiting ${index}`);
    const deadline = Date.now() + CALLER_PATIENCE_MS;
    let answered = 0;
    const waiting = names.map(async (name) => {
      const { code } = await refusalOf(cut.make({ ...held, volume: otherVolume }, name, { deadline }));
      answered++;
      return code;
    });
    await callsHaveArrived(node);
    await node.create('meanwhile');
    expect(answered).toBe(0);
    expect(new Set(await Promise.all(waiting))).toEqual(new Set(['DEADLINE_EXCEEDED']));
    // They hold their volume no longer.
    await eventually(() => node.controller.DeleteVolume({ volume_id: otherVolume }), { interval: 5 });
    expect(readdirSync(join(node.pool, '.incoming'))).toHaveLength(4);
    await answers(gate, Promise.all(running));
    const { entries = [] } = await node.controller.ListSnapshots({ source_volume_id: volume });
    expect(entries).toHaveLength(5);
    expect((await node.controller.ListSnapshots({})).entries).toHaveLength(5);
  });
});

/** A node with a plain directory that takes long to copy. */
async function nodeWithLargeVolume(pieces: number) {
  const node = testNode();
  const driver = await node.start({ ownProcess: true });
  const volume = await node.create('source');
  const data = join(node.pool, 'volumes', volume, 'data');
  mkdirSync(join(data, 'directory'));
  writePieces(join(data, 'directory', 'pieces'), pieces);
  const sources: Sources = { node, volume, otherVolume: '', snapshot: '' };
  return { ...sources, driver, content: join('data', 'directory', 'pieces') };
}

describe('a copy that is running', () => {
  test.each([
    ['volume', clone],
    ['snapshot', cut],
  ] as const)(
    'of a %s stops when its result is deleted by its id, and leaves nothing',
    async (_, copying) => {
      const running = await nodeWithLargeVolume(10_000);
      const { node, driver } = running;
      const before = readdirSync(join(node.pool, copying.home));
      const making = refusalOf(copying.make(running, 'copy') as Promise<unknown>);
      const id = await lastStarted(driver);
      const [made = '', ...others] = readdirSync(join(node.pool, '.incoming'));
      expect(made.startsWith(`${id}.`), made).toBe(true);
      expect(others).toEqual([]);
      if (copying === clone) await node.controller.DeleteVolume({ volume_id: id });
      else await node.controller.DeleteSnapshot({ snapshot_id: id });
      expect(await making).toEqual({ code: 'ABORTED', details: expect.stringContaining(id) });
      expect(logged(driver, 'copy failed')).toMatchObject([{ id, from: running.volume }]);
      expect(logged(driver, 'copy done')).toEqual([]);
      expect(readdirSync(join(node.pool, '.incoming'))).toEqual([]);
      expect(readdirSync(join(node.pool, copying.home))).toEqual(before);
    },
  );

  test('stops when the driver is stopped; the next driver finds no trace of it, and makes it completely', async () => {
    const running = await nodeWithLargeVolume(4000);
    const { node, volume, content } = running;
    const making = outcomeOf(clone.make(running, 'copy') as Promise<unknown>);
    const id = await lastStarted(running.driver);
    expect(await node.stop()).toEqual({ code: 0, signal: null });
    expect(await making).toMatchObject({ code: 'UNAVAILABLE' });
    expect(logged(running.driver, 'copy failed')).toMatchObject([{ id, from: volume }]);
    expect(logged(running.driver, 'drain timed out with calls in progress')).toEqual([]);
    expect(readdirSync(join(node.pool, '.incoming'))).toEqual([]);

    const driver = await node.start();
    expect(readdirSync(join(node.pool, 'volumes'))).toEqual([volume]);
    const copy = (await clone.make(running, 'copy')) ?? '';
    expect(startedIds(driver)).toEqual([copy]);
    const [original, copied] = [volume, copy].map((each) => join(node.pool, 'volumes', each, content));
    expect(readFileSync(copied ?? '').equals(readFileSync(original ?? ''))).toBe(true);
    expect(statSync(copied ?? '').blocks).toBe(statSync(original ?? '').blocks);
  });
});

/** A pool on an ext4 of its own, where no blocks are shared, with image volumes in use. */
async function nodeWithStagedImages(count: number, flags: string[] = []) {
  const pool = mountedImage({ mkfs: ['mkfs.ext4', '-q', '-m', '0'] });
  const node = await startedNode({ flags: [`--pool=plain=${pool}`, ...flags] });
  const inPlain = { ...image(16 * MIB), parameters: { pool: 'plain', backend: 'image' } };
  thawAtEnd(pool);
  const volumes: Published[] = [];
  for (let index = 0; index < count; index++) {
    const paths = await node.createPublished(`volume ${index}`, fileSystem(), inPlain);
    writeFileSync(join(paths.target_path, 'file'), `content ${index}`, { flush: true });
    volumes.push(paths);
  }
  // Copies wait there when they hold all they need, and nothing is frozen yet.
  const gate = await gateAt('freeze: marked', join(node.directory, 'gate'));
  const restarted = (more: string[] = []) =>
    node.restart({ ...gate.start, flags: [`--pool=plain=${pool}`, ...flags, ...more] });
  const snapshot = async (index: number, name = `snapshot ${index}`) =>
    snapshotOf(node, volumes[index]?.volume_id ?? '', name);
  const cloneOf = (index: number, name: string) =>
    node.create(name, {
      ...inPlain,
      volume_capabilities: [fileSystem()],
      ...fromVolume(volumes[index]?.volume_id ?? ''),
    });
  return { node, pool, volumes, gate, restarted, snapshot, cloneOf };
}

describe.skipIf(!isHostRoot)('of long copies', () => {
  test('four run at once; others wait in vain while none ends, and instant ones need not wait', async () => {
    const paths = {
      btrfs: btrfs('qgroup'),
      xfs: mountedImage({ mkfs: ['mkfs.xfs', '-q', '-m', 'reflink=1'] }),
    };
    const flags = [`--pool=btrfs=${paths.btrfs}`, `--pool=xfs=${paths.xfs}`];
    const { node, gate, restarted, snapshot, cloneOf } = await nodeWithStagedImages(5, flags);
    const directory = await node.create('directory');
    const subvolume = await node.create('subvolume', { parameters: { pool: 'btrfs' } });
    const onXfs = await node.create('on xfs', {
      ...image(16 * MIB),
      parameters: { pool: 'xfs', backend: 'image' },
    });
    const driver = await restarted();
    const running = [0, 1, 2, 3].map((index) => snapshot(index));
    await lastStarted(driver, 4);

    const full = [
      () => snapshot(4),
      () => cloneOf(4, 'clone'),
      () => snapshotOf(node, directory, 'of the directory'),
      () => node.create('clone of the directory', fromVolume(directory)),
    ];
    await Promise.all(full.map((call) => expectRefusal(call(), 'ABORTED', 'too many copies in progress')));
    expect(startedIds(driver)).toHaveLength(4);
    for (const source of [subvolume, onXfs]) {
      const pool = source === subvolume ? { pool: 'btrfs' } : { pool: 'xfs', backend: 'image' };
      const sized = source === subvolume ? {} : image(16 * MIB);
      const { snapshot_id } = await snapshotOf(node, source, `of ${source}`);
      await node.create(`clone ${source}`, { ...sized, parameters: pool, ...fromVolume(source) });
      await node.create(`restored ${source}`, { ...sized, parameters: pool, ...fromSnapshot(snapshot_id) });
    }
    expect(startedIds(driver)).toHaveLength(4);

    const snapshots = await answers(gate, Promise.all(running));
    expect(new Set(snapshots.map(({ snapshot_id }) => snapshot_id)).size).toBe(4);
    for (const call of full) await answers<unknown>(gate, call());
    expect(logged(driver, 'copy done')).toHaveLength(8);
  });

  test('the log reports the start and the end, with ids, bytes and time', async () => {
    const pool = mountedImage({ mkfs: ['mkfs.ext4', '-q', '-m', '0'] });
    const node = testNode();
    const driver = await node.start({ flags: [`--pool=plain=${pool}`] });
    const volume = await node.create('source', { parameters: { pool: 'plain' } });
    writeFileSync(join(pool, 'volumes', volume, 'data', 'file'), Buffer.alloc(3 * MIB, 7));
    const { snapshot_id: id } = await snapshotOf(node, volume, 'copy');
    const copy = { id, from: volume, durationMs: expect.any(Number) };
    expect(logged(driver, 'copy started')).toMatchObject([{ ...copy, copiedBytes: '0' }]);
    expect(logged(driver, 'copy done')).toMatchObject([{ ...copy, copiedBytes: `${3 * MIB}` }]);
    expect(logged(driver, 'copy failed')).toEqual([]);
  });
});

describe.skipIf(!isHostRoot)('a running copy of an image in use', () => {
  test('stops when its new volume is deleted by its id; writers go on, and a retry makes it', async () => {
    const { node, pool, volumes, gate, restarted, cloneOf } = await nodeWithStagedImages(1);
    const driver = await restarted();
    const making = refusalOf(cloneOf(0, 'clone'));
    const volume_id = await lastStarted(driver);
    await gate.reached();
    const deleting = node.controller.DeleteVolume({ volume_id });
    await callsHaveArrived(node);
    await answers(gate, deleting);
    expect(await making).toEqual({ code: 'ABORTED', details: expect.stringContaining(volume_id) });
    expect(readdirSync(join(pool, '.incoming'))).toEqual([]);
    expect(readdirSync(join(pool, '.csi-hostpath', 'frozen'))).toEqual([]);
    expect(readdirSync(join(pool, 'volumes'))).toEqual([volumes[0]?.volume_id]);
    writeFileSync(join(volumes[0]?.target_path ?? '', 'more'), 'not frozen', { flush: true });
    const id = await answers(gate, cloneOf(0, 'clone'));
    expect(id).not.toBe(volume_id);
  });

  test('delays the shutdown no longer than --drain-timeout; the next driver makes it completely', async () => {
    const { node, pool, volumes, gate, restarted, cloneOf } = await nodeWithStagedImages(1);
    const driver = await restarted(['--drain-timeout=1ms']);
    const making = outcomeOf(cloneOf(0, 'clone'));
    await lastStarted(driver);
    await gate.reached();
    expect(await node.stop()).toEqual({ code: 0, signal: null });
    expect(await making).toMatchObject({ code: expect.stringMatching(/^(UNAVAILABLE|CANCELLED)$/) });
    expect(logged(driver, 'drain timed out with calls in progress')).toHaveLength(1);
    await node.start({ flags: [`--pool=plain=${pool}`] });
    expect(readdirSync(join(pool, '.csi-hostpath', 'frozen'))).toEqual([]);
    await expectNothingIncoming(pool);
    expect(readdirSync(join(pool, 'volumes'))).toEqual([volumes[0]?.volume_id]);
    const volume_id = await cloneOf(0, 'clone');
    const staging_target_path = node.newStaging();
    await node.node.NodeStageVolume({ volume_id, staging_target_path, volume_capability: fileSystem() });
    expect(readFileSync(join(staging_target_path, 'file'), 'utf8')).toBe('content 0');
  });
});
