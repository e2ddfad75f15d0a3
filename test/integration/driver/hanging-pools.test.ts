import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { mountedImage } from '../../support/disk-image.ts';
import { hang } from '../../support/frozen-disk.ts';
import { isHostRoot } from '../../support/host-root.ts';
import { image } from '../../support/image-node.ts';
import { refusalOf } from '../../support/refusal.ts';
import { createRequest, mountCapability } from '../../support/requests.ts';
import { type TestNode, testNode } from '../../support/test-node.ts';

const CALLER_PATIENCE_MS = 5000;
// More calls than one pool runs at once, and more than the default threads of Node.
const MANY = 40;
const onSlow = { parameters: { pool: 'slow' } };
const volume_capability = mountCapability();

/** A node with a pool on a disk of its own, which can be made to hang. */
async function nodeWithDisk() {
  // First, so that it is removed last.
  const disk = mountedImage({ mkfs: ['mkfs.ext4', '-q'] });
  const node = testNode();
  const flags = [`--pool=slow=${join(disk, 'pool')}`];
  await node.start({ flags });
  return { node, disk, flags };
}

const deadline = () => ({ deadline: Date.now() + CALLER_PATIENCE_MS });

/** Everything a driver does for pools that do not hang. */
async function expectOthersServed(node: TestNode): Promise<void> {
  await node.identity.Probe({});
  const paths = await node.createPublished('elsewhere');
  await node.node.NodeUnpublishVolume(paths);
  await node.node.NodeUnstageVolume(paths);
  await node.controller.DeleteVolume(paths);
  expect(Number((await node.controller.GetCapacity({})).available_capacity)).toBeGreaterThan(0);
}

/** Expects a call to fail before its deadline, with the name of the pool. */
async function expectPoolNamed(call: Promise<unknown>): Promise<void> {
  const { code, details } = await refusalOf(call);
  expect({ code, details }).toEqual({ code: 'UNAVAILABLE', details: expect.stringContaining('pool "slow"') });
}

describe.skipIf(!isHostRoot)('a pool whose disk hangs', () => {
  test('delays only its own calls; each is answered in time, and all succeed once the disk responds', async () => {
    const { node, disk } = await nodeWithDisk();
    const paths = await node.createPublished('there before', volume_capability, onSlow);
    const source = await node.create('source', onSlow);
    const doomed = { volume_id: await node.create('doomed', onSlow) };
    const goOn = await hang(disk);
    const names = Array.from({ length: MANY }, (_, index) => `volume ${index}`);
    const create = (name: string, options?: { deadline: number }) =>
      node.controller.CreateVolume(createRequest(name, onSlow), options);
    const hanging = names.map((name) => expectPoolNamed(create(name, deadline())));
    await expectOthersServed(node);
    await Promise.all(hanging);
    const snapshot = { name: 's', source_volume_id: source };
    const slowImage = { ...image(16 * 1024 ** 2), parameters: { pool: 'slow', backend: 'image' } };
    await Promise.all([
      expectPoolNamed(node.controller.DeleteVolume(doomed, deadline())),
      expectPoolNamed(node.controller.CreateSnapshot(snapshot, deadline())),
      expectPoolNamed(node.controller.CreateVolume(createRequest('image', slowImage), deadline())),
      expectOthersServed(node),
    ]);
    // A pod can end although its disk hangs.
    await node.node.NodeUnpublishVolume(paths);
    expect(existsSync(paths.target_path)).toBe(false);
    await goOn();
    const ids = new Set<string | undefined>();
    for (const name of names) ids.add((await untilAnswered(() => create(name))).volume?.volume_id);
    expect(ids.size).toBe(MANY);
    await node.node.NodeUnstageVolume(paths);
    for (const each of [paths, doomed]) await untilAnswered(() => node.controller.DeleteVolume(each));
  });

  test('does not prevent the start, and is served as soon as it responds', async () => {
    const { node, disk, flags } = await nodeWithDisk();
    const volume_id = await node.create('there before', onSlow);
    await node.stop();
    const goOn = await hang(disk);
    await node.start({ flags });
    await expectOthersServed(node);
    await expectPoolNamed(node.controller.CreateVolume(createRequest('new', onSlow), deadline()));
    await goOn();
    expect(await node.create('there before', onSlow)).toBe(volume_id);
  });
});

/** Repeats a call while an earlier call of the same kind is still running, as a CO does. */
async function untilAnswered<T>(call: () => Promise<T>): Promise<T> {
  for (;;) {
    try {
      return await call();
    } catch (error) {
      if (!String(error).includes('ABORTED')) throw error;
    }
  }
}
