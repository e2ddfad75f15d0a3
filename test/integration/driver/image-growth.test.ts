import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, onTestFinished, test } from 'vitest';
import { hasCapability } from '../../../src/kernel/process/capabilities.ts';
import { eventually } from '../../support/eventually.ts';
import { isHostRoot } from '../../support/host-root.ts';
import {
  allocatedBytes,
  blockDevice,
  df,
  expectNoLoops,
  fileSystem,
  image,
  imageFile,
  loopsOf,
} from '../../support/image-node.ts';
import { expectRefusal } from '../../support/refusal.ts';
import { type Published, startedNode, type TestNode } from '../../support/test-node.ts';

const MIB = 1024 ** 2;
const GIB = 1024 ** 3;

const canGrowExt4Online = await hasCapability('SYS_RESOURCE');

const upTo = (bytes: number, limitBytes = 0) => ({
  capacity_range: { required_bytes: bytes, limit_bytes: limitBytes },
});

function totalBytes(path: string): number {
  return Number(df(path).total);
}

async function capacityOf({ controller }: TestNode, volume_id: string): Promise<number> {
  const { volume } = await controller.ControllerGetVolume({ volume_id });
  return Number(volume?.capacity_bytes);
}

/** Appends numbered lines to a file, each synced before the next, until it is stopped or something fails. */
async function startWriter(directory: string) {
  const [log, stop] = [join(directory, 'log'), join(directory, 'stop')];
  const script = `
    n=0
    while [ ! -e "$2" ]; do
      n=$((n + 1)); echo $n >> "$1" && sync "$1" || exit 1
      [ $n = 1 ] && echo ready
    done
    echo $n`;
  const child = spawn('sh', ['-c', script, 'sh', log, stop], { stdio: ['ignore', 'pipe', 'inherit'] });
  onTestFinished(() => void child.kill('SIGKILL'));
  const exit = once(child, 'exit');
  await once(child.stdout, 'data');
  return {
    count: () => readFileSync(log, 'utf8').split('\n').length - 1,
    /** Ends it. @returns how it ended */
    async finish() {
      writeFileSync(stop, '');
      const [code] = await exit;
      return { code, lines: readFileSync(log, 'utf8').trimEnd().split('\n').map(Number) };
    },
  };
}

/** Unstages a volume that is not published, and stages it again. */
async function restage({ node }: TestNode, paths: Published, volume_capability = fileSystem()) {
  await node.NodeUnstageVolume(paths);
  await node.NodeStageVolume({ ...paths, volume_capability });
}

describe.skipIf(!isHostRoot)('a published xfs volume', () => {
  const capability = fileSystem('xfs');

  test('grows under a writer, who sees no error and loses nothing', async () => {
    const node = await startedNode();
    const paths = await node.createPublished('written', capability, image(GIB));
    const { volume_id, target_path } = paths;
    const writer = await startWriter(target_path);
    const reply = await node.controller.ControllerExpandVolume({ volume_id, ...upTo(2 * GIB) });
    expect(reply).toEqual({ capacity_bytes: (2 * GIB).toString(), node_expansion_required: true });
    const expansion = { volume_id, volume_path: target_path, ...upTo(2 * GIB) };
    const nodeReply = await node.node.NodeExpandVolume({ ...expansion, volume_capability: capability });
    expect(nodeReply).toEqual({ capacity_bytes: (2 * GIB).toString() });
    const before = writer.count();
    await eventually(() => expect(writer.count()).toBeGreaterThan(before + 10));
    const { code, lines } = await writer.finish();
    expect(code).toBe(0);
    expect(lines).toEqual(lines.map((_, index) => index + 1));

    expect(totalBytes(target_path)).toBeGreaterThan(1.85 * GIB);
    // More than fitted before.
    execFileSync('fallocate', ['--length', '1500M', join(target_path, 'large')]);
    const { usage = [] } = await node.node.NodeGetVolumeStats({ volume_id, volume_path: target_path });
    expect(usage[0]).toMatchObject({ unit: 'BYTES', total: totalBytes(target_path).toString() });
    expect(await capacityOf(node, volume_id)).toBe(2 * GIB);
  });

  test("grows with only the node's call, when the controller's is switched off", async () => {
    const node = await startedNode({ flags: ['--disable-controller-expansion'] });
    const { volume_id, target_path } = await node.createPublished('alone', capability, image(512 * MIB));
    const controllers = node.controller.ControllerExpandVolume({ volume_id, ...upTo(GIB) });
    await expectRefusal(controllers, 'UNIMPLEMENTED');
    const reply = await node.node.NodeExpandVolume({ volume_id, volume_path: target_path, ...upTo(GIB) });
    expect(reply).toEqual({ capacity_bytes: GIB.toString() });
    expect(totalBytes(target_path)).toBeGreaterThan(0.85 * GIB);
    expect(await capacityOf(node, volume_id)).toBe(GIB);
  });

  test("grows with only the controller's call, when the node's is switched off", async () => {
    const node = await startedNode({ flags: ['--disable-node-expansion'] });
    const { volume_id, target_path } = await node.createPublished('alone', capability, image(512 * MIB));
    const reply = await node.controller.ControllerExpandVolume({ volume_id, ...upTo(GIB) });
    expect(reply).toEqual({ capacity_bytes: GIB.toString(), node_expansion_required: false });
    expect(totalBytes(target_path)).toBeGreaterThan(0.85 * GIB);
  });

  test('grows by its staging path, any number of times, with the driver killed in between', async () => {
    const node = await startedNode({ ownProcess: true });
    const paths = await node.createPublished('repeated', capability, image(300 * MIB));
    const { volume_id, staging_target_path: volume_path } = paths;
    for (const bytes of [400 * MIB, 400 * MIB, 1_000_000_512]) {
      await node.controller.ControllerExpandVolume({ volume_id, ...upTo(bytes) });
      await node.stop('SIGKILL');
      await node.start({ ownProcess: true });
      const again = await node.controller.ControllerExpandVolume({ volume_id, ...upTo(bytes) });
      expect(again).toEqual({ capacity_bytes: bytes.toString(), node_expansion_required: true });
      const expansion = { volume_id, volume_path, ...upTo(bytes) };
      expect(await node.node.NodeExpandVolume(expansion)).toEqual({ capacity_bytes: bytes.toString() });
      expect(await node.node.NodeExpandVolume(expansion)).toEqual({ capacity_bytes: bytes.toString() });
      expect(totalBytes(volume_path)).toBeGreaterThan(bytes - 80 * MIB);
    }
    expect(loopsOf(node)).toHaveLength(1);
  });

  test("gets the size set by the controller if the node's call gives none", async () => {
    const node = await startedNode();
    const { volume_id, target_path } = await node.createPublished('no range', capability, image(300 * MIB));
    await node.controller.ControllerExpandVolume({ volume_id, ...upTo(600 * MIB) });
    const reply = await node.node.NodeExpandVolume({ volume_id, volume_path: target_path });
    expect(reply).toEqual({ capacity_bytes: (600 * MIB).toString() });
    expect(totalBytes(target_path)).toBeGreaterThan(500 * MIB);
  });
});

describe.skipIf(!isHostRoot)('an expansion', () => {
  test('that would shrink the volume, or exceed a limit, is refused and changes nothing', async () => {
    const flags = ['--max-volume-size=128Mi', '--max-volume-size-node=96Mi'];
    const node = await startedNode({ flags });
    const paths = await node.createPublished('limits', fileSystem(), image(64 * MIB));
    const { volume_id, target_path } = paths;
    const byController = (range: object) => node.controller.ControllerExpandVolume({ volume_id, ...range });
    const byNode = (range: object) =>
      node.node.NodeExpandVolume({ volume_id, volume_path: target_path, ...range });

    const below = { capacity_range: { limit_bytes: 32 * MIB } };
    await expectRefusal(byController(below), 'OUT_OF_RANGE', 'cannot shrink');
    await expectRefusal(byNode(below), 'OUT_OF_RANGE', 'cannot shrink');
    await expectRefusal(byController(upTo(16 * MIB, 32 * MIB)), 'OUT_OF_RANGE', 'cannot shrink');
    await expectRefusal(byController(upTo(128 * MIB + 1)), 'OUT_OF_RANGE', (128 * MIB).toString());
    await expectRefusal(byNode(upTo(96 * MIB + 1)), 'OUT_OF_RANGE', (96 * MIB).toString());
    await expectRefusal(byController(upTo(96 * MIB, 80 * MIB)), 'INVALID_ARGUMENT', 'limit_bytes');
    expect(await capacityOf(node, volume_id)).toBe(64 * MIB);
    expect(statSync(imageFile(node, volume_id)).size).toBe(64 * MIB);

    // The current size is enough.
    const smaller = await byController(upTo(32 * MIB));
    expect(smaller.capacity_bytes).toBe((64 * MIB).toString());
    const grown = await byController(upTo(128 * MIB));
    expect(grown.capacity_bytes).toBe((128 * MIB).toString());
  });

  test('of an unknown volume, or at the wrong path, changes nothing', async () => {
    const node = await startedNode();
    const { volume_id } = await node.createPublished('here', fileSystem(), image(16 * MIB));
    const nobody = node.controller.ControllerExpandVolume({ volume_id: 'nobody', ...upTo(GIB) });
    await expectRefusal(nobody, 'NOT_FOUND', 'nobody');
    for (const volume_path of [node.newPath(), node.newStaging(), 'some/path']) {
      const elsewhere = node.node.NodeExpandVolume({ volume_id, volume_path, ...upTo(32 * MIB) });
      await expectRefusal(elsewhere, 'NOT_FOUND', volume_path);
    }
    const rangeless = node.controller.ControllerExpandVolume({ volume_id });
    await expectRefusal(rangeless, 'INVALID_ARGUMENT', 'capacity_range');
    const otherwise = { volume_id, ...upTo(32 * MIB), volume_capability: blockDevice() };
    await expectRefusal(node.controller.ControllerExpandVolume(otherwise), 'INVALID_ARGUMENT', 'block');
    expect(await capacityOf(node, volume_id)).toBe(16 * MIB);
  });

  test('takes no space in the pool until data is written', async () => {
    const node = await startedNode();
    const { volume_id } = await node.createPublished('sparse', fileSystem(), image(16 * MIB));
    await node.controller.ControllerExpandVolume({ volume_id, ...upTo(4 * GIB) });
    expect(allocatedBytes(imageFile(node, volume_id))).toBeLessThan(16 * MIB);
  });
});

describe.skipIf(!isHostRoot)('a volume that has grown while it was not staged', () => {
  test.each([
    ['ext4', 64 * MIB, 0.85 * GIB],
    ['xfs', 300 * MIB, 0.85 * GIB],
    ['btrfs', 128 * MIB, GIB - MIB],
  ] as const)('with %s, has its new size and its data after stage', async (fsType, from, least) => {
    const node = await startedNode();
    const capability = fileSystem(fsType);
    const paths = await node.createStaged('grown', capability, image(from));
    writeFileSync(join(paths.staging_target_path, 'file'), 'hello');
    await node.node.NodeUnstageVolume(paths);
    await expectNoLoops(node);
    const { volume_id } = paths;
    await node.controller.ControllerExpandVolume({ volume_id, ...upTo(GIB) });
    await node.node.NodeStageVolume({ ...paths, volume_capability: capability });
    expect(totalBytes(paths.staging_target_path)).toBeGreaterThan(least);
    expect(readFileSync(join(paths.staging_target_path, 'file'), 'utf8')).toBe('hello');
    const expansion = { volume_id, volume_path: paths.staging_target_path, ...upTo(GIB) };
    expect(await node.node.NodeExpandVolume(expansion)).toEqual({ capacity_bytes: GIB.toString() });
  });

  test('before its first stage, has its new size', async () => {
    const node = await startedNode();
    const volume_id = await node.create('never staged', image(16 * MIB));
    await node.controller.ControllerExpandVolume({ volume_id, ...upTo(GIB) });
    const staging_target_path = node.newStaging();
    await node.node.NodeStageVolume({ volume_id, staging_target_path, volume_capability: fileSystem() });
    expect(totalBytes(staging_target_path)).toBeGreaterThan(0.85 * GIB);
  });

  test('staged read-only, keeps its data, and has its new size after it is staged for writing', async () => {
    const node = await startedNode();
    const paths = await node.createStaged('reader', fileSystem('xfs'), image(300 * MIB));
    writeFileSync(join(paths.staging_target_path, 'file'), 'hello');
    await node.node.NodeUnstageVolume(paths);
    await node.controller.ControllerExpandVolume({ volume_id: paths.volume_id, ...upTo(GIB) });
    await node.node.NodeStageVolume({ ...paths, volume_capability: fileSystem('xfs', ['ro']) });
    expect(readFileSync(join(paths.staging_target_path, 'file'), 'utf8')).toBe('hello');
    await restage(node, paths);
    expect(totalBytes(paths.staging_target_path)).toBeGreaterThan(0.85 * GIB);
  });
});

describe.skipIf(!isHostRoot)('a mounted ext4 volume', () => {
  test('grows at once, or at the next stage if the driver lacks the capability', async () => {
    const node = await startedNode();
    const paths = await node.createPublished('online', fileSystem('ext4'), image(64 * MIB));
    const { volume_id, target_path } = paths;
    writeFileSync(join(target_path, 'file'), 'hello');
    await node.controller.ControllerExpandVolume({ volume_id, ...upTo(GIB) });
    const expansion = { volume_id, volume_path: target_path, ...upTo(GIB) };
    for (const _ of ['once', 'again']) {
      const { capacity_bytes } = await node.node.NodeExpandVolume(expansion);
      expect(capacity_bytes).toBe(canGrowExt4Online ? GIB.toString() : '0');
    }
    if (canGrowExt4Online) expect(totalBytes(target_path)).toBeGreaterThan(0.85 * GIB);
    else expect(totalBytes(target_path)).toBeLessThan(64 * MIB);
    writeFileSync(join(target_path, 'second'), 'still writable');

    await node.node.NodeUnpublishVolume(paths);
    await restage(node, paths);
    expect(totalBytes(paths.staging_target_path)).toBeGreaterThan(0.85 * GIB);
    expect(readFileSync(join(paths.staging_target_path, 'file'), 'utf8')).toBe('hello');
    expect(
      await node.node.NodeExpandVolume({ ...expansion, volume_path: paths.staging_target_path }),
    ).toEqual({
      capacity_bytes: GIB.toString(),
    });
  });
});

test.skipIf(!isHostRoot)('a mounted btrfs volume grows at once', async () => {
  const node = await startedNode();
  const { volume_id, target_path } = await node.createPublished(
    'btrfs',
    fileSystem('btrfs'),
    image(128 * MIB),
  );
  writeFileSync(join(target_path, 'file'), 'hello');
  await node.controller.ControllerExpandVolume({ volume_id, ...upTo(GIB) });
  const reply = await node.node.NodeExpandVolume({ volume_id, volume_path: target_path, ...upTo(GIB) });
  expect(reply).toEqual({ capacity_bytes: GIB.toString() });
  expect(totalBytes(target_path)).toBeGreaterThanOrEqual(GIB - MIB);
  expect(readFileSync(join(target_path, 'file'), 'utf8')).toBe('hello');
});
