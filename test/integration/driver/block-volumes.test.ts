import { execFileSync, spawn, spawnSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { existsSync, lstatSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { open } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { createInterface } from 'node:readline';
import { beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import { eventually } from '../../support/eventually.ts';
import { isHostRoot } from '../../support/host-root.ts';
import { blockDevice, deviceBytes, fileSystem, imageFile, loopsOf } from '../../support/image-node.ts';
import { expectRefusal } from '../../support/refusal.ts';
import { mountCapability } from '../../support/requests.ts';
import { mountsBelow } from '../../support/scratch.ts';
import { type Published, startedNode, TestNode } from '../../support/test-node.ts';
import { waitingProcess } from '../../support/waiting-process.ts';

const MIB = 1024 ** 2;
const volume_capability = blockDevice();

/** A block volume needs no parameter: it is always an image. */
function sized(bytes: number) {
  return { capacity_range: { required_bytes: bytes } };
}

function written(path: string, data: Buffer, offset = 0): Promise<void> {
  return withDevice(path, 'r+', async (handle) => {
    await handle.write(data, 0, data.length, offset);
    await handle.sync();
  });
}

function readBack(path: string, length: number, offset = 0): Promise<Buffer> {
  return withDevice(path, 'r', async (handle) => {
    const data = Buffer.alloc(length);
    await handle.read(data, 0, length, offset);
    return data;
  });
}

async function withDevice<T>(
  path: string,
  flags: string,
  use: (handle: Awaited<ReturnType<typeof open>>) => Promise<T>,
): Promise<T> {
  const handle = await open(path, flags);
  try {
    return await use(handle);
  } finally {
    await handle.close();
  }
}

/** Tries to write to a device as any program does. */
function writing(path: string): { status: number | null; stderr: string } {
  const words = ['if=/dev/zero', `of=${path}`, 'bs=4k', 'count=1', 'conv=fsync,notrunc'];
  const { status, stderr } = spawnSync('dd', words, { encoding: 'utf8' });
  return { status, stderr };
}

function onlyLoopOf(node: TestNode): string {
  const [loop, ...others] = loopsOf(node);
  expect(others).toEqual([]);
  if (loop === undefined) throw new Error('nothing is attached');
  return loop;
}

async function endLife({ node, controller }: TestNode, paths: Published) {
  await node.NodeUnpublishVolume(paths);
  await node.NodeUnstageVolume(paths);
  await controller.DeleteVolume(paths);
}

describe.skipIf(!isHostRoot)('a block volume', () => {
  let node: TestNode;

  beforeAll(async () => {
    node = new TestNode();
    await node.start();
    return () => node.dispose();
  });

  test.each([1, 512, 1_000_001, 64 * MIB])('of %d bytes has that size, and reads as zeros', async (bytes) => {
    const { volume } = await node.controller.CreateVolume({
      name: `of ${bytes}`,
      ...sized(bytes),
      volume_capabilities: [volume_capability],
    });
    const size = Math.ceil(bytes / 512) * 512;
    expect(volume?.capacity_bytes).toBe(size.toString());
    const paths = await node.createPublished(`of ${bytes}`, volume_capability, sized(bytes));
    expect(paths.volume_id).toBe(volume?.volume_id);
    expect(lstatSync(paths.target_path).isBlockDevice()).toBe(true);
    expect(readdirSync(paths.staging_target_path)).toEqual([]);
    expect(deviceBytes(paths.target_path)).toBe(size);
    expect((await readBack(paths.target_path, size)).every((byte) => byte === 0)).toBe(true);
    // The last byte can be written.
    await written(paths.target_path, Buffer.from('x'), bytes - 1);
    expect(await readBack(paths.target_path, 1, bytes - 1)).toEqual(Buffer.from('x'));
    await endLife(node, paths);
  });

  test('keeps its data from one publish and stage to the next', async () => {
    const paths = await node.createPublished('kept', volume_capability, sized(16 * MIB));
    const [data, more] = [randomBytes(3 * MIB), randomBytes(MIB)];
    await written(paths.target_path, data, MIB);
    await node.node.NodeUnpublishVolume(paths);
    expect(existsSync(paths.target_path)).toBe(false);
    await node.node.NodePublishVolume({ ...paths, volume_capability });
    expect((await readBack(paths.target_path, data.length, MIB)).equals(data)).toBe(true);
    await written(paths.target_path, more, 8 * MIB);
    await node.node.NodeUnpublishVolume(paths);
    await node.node.NodeUnstageVolume(paths);
    const image = readFileSync(imageFile(node, paths.volume_id));
    expect(image.subarray(MIB, 4 * MIB).equals(data)).toBe(true);
    await node.node.NodeStageVolume({ ...paths, volume_capability });
    await node.node.NodePublishVolume({ ...paths, volume_capability });
    expect((await readBack(paths.target_path, more.length, 8 * MIB)).equals(more)).toBe(true);
    await endLife(node, paths);
  });

  test('can be formatted by its user', async () => {
    const paths = await node.createPublished('own file system', volume_capability, sized(64 * MIB));
    execFileSync('mkfs.ext4', ['-q', paths.target_path]);
    const mountPoint = node.newStaging();
    execFileSync('mount', ['-t', 'ext4', paths.target_path, mountPoint]);
    writeFileSync(join(mountPoint, 'file'), 'hello');
    await node.node.NodeUnpublishVolume(paths);
    await expectRefusal(node.node.NodeUnstageVolume(paths), 'FAILED_PRECONDITION');
    await expectRefusal(node.controller.DeleteVolume(paths), 'FAILED_PRECONDITION');
    expect(readFileSync(join(mountPoint, 'file'), 'utf8')).toBe('hello');
    execFileSync('umount', [mountPoint]);
    await node.node.NodeUnstageVolume(paths);
    await node.node.NodeStageVolume({ ...paths, volume_capability });
    await node.node.NodePublishVolume({ ...paths, volume_capability });
    execFileSync('mount', ['-t', 'ext4', paths.target_path, mountPoint]);
    expect(readFileSync(join(mountPoint, 'file'), 'utf8')).toBe('hello');
    execFileSync('umount', [mountPoint]);
    await endLife(node, paths);
  });

  test('refuses writers when published read-only, and accepts them when published for writing again', async () => {
    const paths = await node.createStaged('ro', volume_capability, sized(MIB));
    const publish = (readonly: boolean) =>
      node.node.NodePublishVolume({ ...paths, volume_capability, readonly });
    await publish(true);
    expect(writing(paths.target_path).status).not.toBe(0);
    expect(await readBack(paths.target_path, 4096)).toEqual(Buffer.alloc(4096));
    await publish(true);
    await expectRefusal(publish(false), 'ALREADY_EXISTS', 'readOnly');
    await node.node.NodeUnpublishVolume(paths);
    await publish(false);
    expect(writing(paths.target_path)).toMatchObject({ status: 0 });
    await endLife(node, paths);
  });

  test('with a reader access mode is published read-only', async () => {
    const reader = blockDevice('MULTI_NODE_READER_ONLY');
    const { target_path } = await node.createPublished('reader', reader, sized(MIB));
    expect(writing(target_path).status).not.toBe(0);
  });

  test.each([
    [false, true],
    [true, false],
  ])(
    'published with readonly %j cannot be published with readonly %j elsewhere, also after a restart',
    async (first, second) => {
      const restarted = await startedNode();
      const paths = await restarted.createStaged('mixed', volume_capability, sized(MIB));
      const publish = (target_path: string, readonly: boolean) =>
        restarted.node.NodePublishVolume({ ...paths, target_path, volume_capability, readonly });
      const [other, same] = [restarted.newPath(), restarted.newPath()];
      await publish(paths.target_path, first);
      await expectRefusal(publish(other, second), 'FAILED_PRECONDITION', paths.target_path);
      await restarted.restart();
      await expectRefusal(publish(other, second), 'FAILED_PRECONDITION', paths.target_path);
      expect(existsSync(other)).toBe(false);
      await publish(same, first);
      for (const path of [paths.target_path, same]) {
        expect(writing(path).status === 0, path).toBe(!first);
        await restarted.node.NodeUnpublishVolume({ ...paths, target_path: path });
      }
      await publish(other, second);
      expect(writing(other).status === 0).toBe(!second);
    },
  );

  test('has one target if its access mode requires that', async () => {
    const single = blockDevice('SINGLE_NODE_SINGLE_WRITER');
    const paths = await node.createPublished('single', single, sized(MIB));
    const second = { ...paths, target_path: node.newPath(), volume_capability: single };
    await expectRefusal(node.node.NodePublishVolume(second), 'FAILED_PRECONDITION', paths.target_path);
  });

  test('can grow any number of times while published, and keeps its data', async () => {
    const paths = await node.createPublished('grown', volume_capability, sized(1_000_001));
    const { volume_id, target_path } = paths;
    const data = randomBytes(900_000);
    await written(target_path, data);
    for (const bytes of [4 * MIB, 4 * MIB, 5_000_001]) {
      const capacity_range = { required_bytes: bytes };
      const size = Math.ceil(bytes / 512) * 512;
      const capacity_bytes = size.toString();
      const reply = await node.controller.ControllerExpandVolume({ volume_id, capacity_range });
      expect(reply).toEqual({ capacity_bytes, node_expansion_required: true });
      const request = { volume_id, volume_path: target_path, capacity_range, volume_capability };
      expect(await node.node.NodeExpandVolume(request)).toEqual({ capacity_bytes });
      expect(deviceBytes(target_path)).toBe(size);
    }
    await written(target_path, Buffer.from('end'), 5_000_001 - 3);
    expect((await readBack(target_path, data.length)).equals(data)).toBe(true);
    await endLife(node, paths);
  });

  test('grows under a writer that keeps it open, sees no error and loses nothing', async () => {
    const paths = await node.createPublished('loaded', volume_capability, sized(4 * MIB));
    const { volume_id, target_path } = paths;
    // Writes the number of each block into it, synced, around the first 4 MiB.
    const script = `
      const { openSync, writeSync, fdatasyncSync } = require('node:fs');
      const fd = openSync(process.argv[1], 'r+');
      for (let index = 0; ; index++) {
        writeSync(fd, Buffer.alloc(4096, index % 251), 0, 4096, (index % 1024) * 4096);
        fdatasyncSync(fd);
        writeSync(1, index + '\\n');
      }`;
    const writer = spawn(process.execPath, ['-e', script, target_path], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    onTestFinished(() => void writer.kill('SIGKILL'));
    let written = -1;
    createInterface(writer.stdout).on('line', (line) => {
      written = Number(line);
    });
    for (const bytes of [8 * MIB, 16 * MIB, 32 * MIB]) {
      const before = written;
      await eventually(() => expect(written).toBeGreaterThan(before + 16));
      const capacity_range = { required_bytes: bytes };
      await node.controller.ControllerExpandVolume({ volume_id, capacity_range });
      await node.node.NodeExpandVolume({
        volume_id,
        volume_path: target_path,
        capacity_range,
        volume_capability,
      });
      expect(deviceBytes(target_path)).toBe(bytes);
    }
    const before = written;
    await eventually(() => expect(written).toBeGreaterThan(before + 16));
    const ended = once(writer, 'close');
    writer.kill('SIGKILL');
    await ended;
    const last = await readBack(target_path, 4096, (written % 1024) * 4096);
    expect(last.equals(Buffer.alloc(4096, written % 251))).toBe(true);
    await endLife(node, paths);
  });

  test('has its new size at the next stage, whether it was staged when it grew or not', async () => {
    const paths = await node.createStaged('grown aside', volume_capability, sized(MIB));
    const { volume_id } = paths;
    const grow = (bytes: number) =>
      node.controller.ControllerExpandVolume({ volume_id, capacity_range: { required_bytes: bytes } });
    await grow(2 * MIB);
    await node.node.NodeStageVolume({ ...paths, volume_capability });
    await node.node.NodePublishVolume({ ...paths, volume_capability });
    expect(deviceBytes(paths.target_path)).toBe(2 * MIB);
    await node.node.NodeUnpublishVolume(paths);
    await node.node.NodeUnstageVolume(paths);
    await grow(3 * MIB);
    await node.node.NodeStageVolume({ ...paths, volume_capability });
    await node.node.NodePublishVolume({ ...paths, volume_capability });
    expect(deviceBytes(paths.target_path)).toBe(3 * MIB);
    await endLife(node, paths);
  });

  test('reports its size and written bytes as stats', async () => {
    const { volume_id, target_path } = await node.createPublished('stats', volume_capability, sized(8 * MIB));
    const stats = () => node.node.NodeGetVolumeStats({ volume_id, volume_path: target_path });
    const total = (8 * MIB).toString();
    expect(await stats()).toMatchObject({ usage: [{ unit: 'BYTES', total, used: '0', available: total }] });
    await written(target_path, randomBytes(MIB));
    const half = { total, used: MIB.toString(), available: (7 * MIB).toString() };
    expect(await stats()).toMatchObject({ usage: [{ unit: 'BYTES', ...half }] });
    expect((await stats()).usage).toHaveLength(1);
    const elsewhere = node.node.NodeGetVolumeStats({ volume_id, volume_path: node.newPath() });
    await expectRefusal(elsewhere, 'NOT_FOUND');
  });

  test('is found by its target and its staging path, also after a restart, and by no other directory', async () => {
    const own = await startedNode({ ownProcess: true });
    const paths = await own.createPublished('known', volume_capability, sized(MIB));
    const { volume_id, staging_target_path, target_path } = paths;
    const stats = (volume_path: string) => own.node.NodeGetVolumeStats({ volume_id, volume_path });
    const expand = (volume_path: string) =>
      own.node.NodeExpandVolume({ volume_id, volume_path, capacity_range: { required_bytes: 2 * MIB } });
    const elsewhere = own.newStaging();
    for (const signal of ['SIGTERM', 'SIGKILL'] as const) {
      for (const path of [target_path, staging_target_path]) {
        await stats(path);
        expect(await expand(path)).toEqual({ capacity_bytes: String(2 * MIB) });
      }
      for (const path of [elsewhere, dirname(target_path), dirname(staging_target_path)]) {
        await expectRefusal(stats(path), 'NOT_FOUND', path);
        await expectRefusal(expand(path), 'NOT_FOUND', path);
      }
      const second = { ...paths, staging_target_path: elsewhere, target_path: own.newPath() };
      await expectRefusal(
        own.node.NodePublishVolume({ ...second, volume_capability }),
        'FAILED_PRECONDITION',
        elsewhere,
      );
      await own.stop(signal);
      await own.start({ ownProcess: true });
    }
    await own.node.NodeUnpublishVolume(paths);
    await stats(staging_target_path);
    await own.node.NodeUnstageVolume(paths);
    await expectRefusal(stats(staging_target_path), 'NOT_FOUND', staging_target_path);
  });

  test('cannot be used as a mount volume, nor a mount volume as a block device', async () => {
    const block = await node.createPublished('block', volume_capability, sized(MIB));
    const image = { parameters: { backend: 'image' }, ...sized(16 * MIB) };
    const capability = fileSystem();
    const mounted = await node.createPublished('mounted', capability, image);
    const directory = await node.createPublished('directory', mountCapability());
    for (const [paths, other] of [
      [block, capability],
      [mounted, volume_capability],
      [directory, volume_capability],
    ] as const) {
      const { volume_id } = paths;
      const request = { ...paths, volume_capability: other };
      const stagedElsewhere = { ...request, staging_target_path: node.newStaging() };
      await expectRefusal(node.node.NodeStageVolume(stagedElsewhere), 'FAILED_PRECONDITION', 'block volume');
      const elsewhere = { ...request, target_path: node.newPath() };
      await expectRefusal(node.node.NodePublishVolume(elsewhere), 'FAILED_PRECONDITION', 'block volume');
      expect(existsSync(elsewhere.target_path)).toBe(false);
      const validation = await node.controller.ValidateVolumeCapabilities({
        volume_id,
        volume_capabilities: [other],
      });
      expect(validation.confirmed).toBeNull();
      expect(validation.message).toContain('block volume');
      await endLife(node, paths);
    }
    const both = node.create('both', { volume_capabilities: [volume_capability, capability] });
    await expectRefusal(both, 'INVALID_ARGUMENT', 'both a block and a mount volume');
  });

  test('is confirmed for block capabilities', async () => {
    const volume_id = await node.create('confirmed', { volume_capabilities: [volume_capability] });
    const volume_capabilities = [volume_capability, blockDevice('SINGLE_NODE_READER_ONLY')];
    const reply = await node.controller.ValidateVolumeCapabilities({ volume_id, volume_capabilities });
    expect(reply.message).toBe('');
    expect(reply.confirmed?.volume_capabilities).toHaveLength(2);
  });

  test('cannot be a directory', async () => {
    const create = node.create('directory as block', {
      parameters: { backend: 'directory' },
      volume_capabilities: [volume_capability],
    });
    await expectRefusal(create, 'INVALID_ARGUMENT', 'parameters.backend');
  });
});

describe.skipIf(!isHostRoot)('the loop device of a block volume', () => {
  test('stays the same from stage to unstage, also after a kill, and is detached afterwards', async () => {
    const node = await startedNode({ ownProcess: true });
    const paths = await node.createStaged('life', volume_capability, sized(MIB));
    const loop = onlyLoopOf(node);
    const elsewhere = { ...paths, target_path: node.newPath() };
    const restarts = async (call: () => Promise<unknown>) => {
      await node.stop('SIGKILL');
      await node.start({ ownProcess: true });
      await call();
      await call();
      expect(onlyLoopOf(node)).toBe(loop);
    };
    await restarts(() => node.node.NodeStageVolume({ ...paths, volume_capability }));
    await restarts(() => node.node.NodePublishVolume({ ...paths, volume_capability }));
    await restarts(() => node.node.NodePublishVolume({ ...elsewhere, volume_capability }));
    await restarts(() => expectRefusal(node.controller.DeleteVolume(paths), 'FAILED_PRECONDITION'));
    await restarts(() => node.node.NodeUnpublishVolume(elsewhere));
    await restarts(() => node.node.NodeUnpublishVolume(paths));
    await restarts(() => expectRefusal(node.controller.DeleteVolume(paths), 'FAILED_PRECONDITION', loop));
    await node.restart();
    await node.node.NodeUnstageVolume(paths);
    expect(loopsOf(node)).toEqual([]);
    await node.node.NodeUnstageVolume(paths);
    await node.controller.DeleteVolume(paths);
    expect(await mountsBelow(node.directory)).toEqual([]);
  });

  test('stays while the volume is published, or a process has it open', async () => {
    const node = await startedNode();
    const paths = await node.createPublished('in use', volume_capability, sized(MIB));
    const loop = onlyLoopOf(node);
    const unstage = () => node.node.NodeUnstageVolume(paths);
    await expectRefusal(unstage(), 'FAILED_PRECONDITION', paths.target_path);
    await node.restart();
    await expectRefusal(unstage(), 'FAILED_PRECONDITION', paths.target_path);
    expect(writing(paths.target_path)).toMatchObject({ status: 0 });
    await node.node.NodeUnpublishVolume(paths);

    const holder = await waitingProcess('sh', ['-c', 'exec 3< "$1"; echo ready; exec cat', 'sh', loop], {
      saysReady: true,
    });
    await expectRefusal(unstage(), 'FAILED_PRECONDITION', loop);
    await expectRefusal(node.controller.DeleteVolume(paths), 'FAILED_PRECONDITION', loop);
    await node.node.NodeStageVolume({ ...paths, volume_capability });
    await node.node.NodePublishVolume({ ...paths, volume_capability });
    expect(onlyLoopOf(node)).toBe(loop);
    expect(writing(paths.target_path)).toMatchObject({ status: 0 });
    await node.node.NodeUnpublishVolume(paths);
    await holder.end();
    await unstage();
    expect(loopsOf(node)).toEqual([]);
    await node.controller.DeleteVolume(paths);
  });

  test('may have a loop device of the kubelet on top, which the driver waits for', async () => {
    const node = await startedNode();
    const paths = await node.createPublished('kubelet', volume_capability, sized(MIB));
    const loop = onlyLoopOf(node);
    const words = ['--find', '--show', paths.target_path];
    const upper = execFileSync('losetup', words, { encoding: 'utf8' }).trim();
    expect(writing(upper)).toMatchObject({ status: 0 });
    await expectRefusal(node.node.NodeUnpublishVolume(paths), 'FAILED_PRECONDITION', paths.target_path);
    execFileSync('losetup', ['--detach', upper]);
    expect(onlyLoopOf(node)).toBe(loop);
    await endLife(node, paths);
    expect(loopsOf(node)).toEqual([]);
  });

  test('is detached by unpublish and unstage even if its image and its record are gone', async () => {
    const node = await startedNode();
    const paths = await node.createPublished('lost', volume_capability, sized(MIB));
    await node.stop();
    rmSync(join(node.pool, 'volumes', paths.volume_id), { recursive: true });
    await node.start();
    await node.node.NodeUnpublishVolume(paths);
    expect(existsSync(paths.target_path)).toBe(false);
    await node.node.NodeUnstageVolume(paths);
    expect(loopsOf(node)).toEqual([]);
    await node.controller.DeleteVolume(paths);
  });

  test('is detached by unpublish and unstage even if its record alone is gone', async () => {
    const node = await startedNode();
    const paths = await node.createPublished('lost', volume_capability, sized(MIB));
    await node.stop();
    rmSync(join(node.pool, 'volumes', paths.volume_id, 'volume.json'));
    await node.start();
    await node.node.NodeUnpublishVolume(paths);
    expect(existsSync(paths.target_path)).toBe(false);
    await node.node.NodeUnstageVolume(paths);
    expect(loopsOf(node)).toEqual([]);
  });
});
