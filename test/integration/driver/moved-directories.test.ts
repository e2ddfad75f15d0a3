import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { FrameWriter, frameTypes } from '../../../src/actions/moving/frames.ts';
import { btrfs } from '../../support/btrfs.ts';
import { isHostRoot } from '../../support/host-root.ts';
import { type MovingNode, movingNode } from '../../support/moving-node.ts';
import { changeTree, makeRichTree } from '../../support/rich-tree.ts';
import { scratchDirectory } from '../../support/scratch.ts';
import { listTree } from '../../support/tree-listing.ts';

const MiB = 1024 ** 2;
const EXIT_FAILURE = 3;
const size = { capacity_range: { required_bytes: 64 * MiB } };

function dataOf({ node }: MovingNode, id: string, pool = node.pool): string {
  return join(pool, 'volumes', id, 'data');
}

/** A node with a volume that has everything that copies tend to lose, except for sockets and very long paths. */
async function sender() {
  const moving = await movingNode();
  const volumeId = await moving.node.create('first', size);
  const path = dataOf(moving, volumeId);
  await makeRichTree(path);
  // tar leaves sockets out, and makes no paths of more than 4096 bytes.
  execFileSync('rm', ['--recursive', join(path, 'special', 'socket'), join(path, 'deep')]);
  return { ...moving, volumeId, path };
}

function contentsOf({ node }: MovingNode): string[] {
  return ['volumes', 'snapshots', '.incoming', '.outgoing'].flatMap((each) =>
    readdirSync(join(node.pool, each)).map((name) => `${each}/${name}`),
  );
}

/** The archive in a stream, which has one frame of it. */
function archiveIn(stream: Buffer): Buffer {
  const header = stream.indexOf('\n') + 1;
  const at = header + 5 + stream.readUInt32BE(header + 1) + 32;
  return stream.subarray(at + 5, at + 5 + stream.readUInt32BE(at + 1));
}

/** A stream of btrfs send with other names of the same length in its commands. */
function patchedBtrfsStream(stream: Buffer, names: Readonly<Record<string, string>>): Buffer {
  const patched = Buffer.from(stream);
  const [header, head, checksum] = [17, 10, 6];
  for (let at = header; at < patched.length; ) {
    const command = patched.subarray(at, at + head + patched.readUInt32LE(at));
    for (const [name, other] of Object.entries(names)) {
      const found = command.indexOf(name);
      if (found >= 0) command.write(other, found);
    }
    command.writeUInt32LE(0, checksum);
    command.writeUInt32LE(plainCrc32c(command), checksum);
    at += command.length;
  }
  return patched;
}

/** As btrfs send has it: without inversion. */
function plainCrc32c(bytes: Buffer): number {
  let crc = 0;
  for (const byte of bytes) {
    crc ^= byte;
    for (let bit = 0; bit < 8; bit++) crc = crc & 1 ? (crc >>> 1) ^ 0x82f63b78 : crc >>> 1;
  }
  return crc >>> 0;
}

/** The stream of a volume, with another archive in it. */
async function withArchive(stream: Buffer, archive: Buffer): Promise<Buffer> {
  const chunks: Buffer[] = [];
  const frames = new FrameWriter(async (bytes) => void chunks.push(bytes));
  const start = stream.indexOf('\n') + 1;
  await frames.write(
    frameTypes.header,
    stream.subarray(start + 5, start + 5 + stream.readUInt32BE(start + 1)),
  );
  await frames.write(frameTypes.archive, archive);
  await frames.write(frameTypes.end);
  return Buffer.concat(chunks);
}

test('a directory arrives with all that it contains, and the same directory gives the same stream', async () => {
  const from = await sender();
  const to = await movingNode();
  const { bytes } = await from.send(from.volumeId);
  const { code, objects, errors } = await to.receive(bytes);
  expect([code, errors]).toEqual([0, expect.stringContaining('is complete')]);
  const id = objects[0].spec.csi.volumeHandle;
  const content = await listTree(from.path);
  expect(await listTree(dataOf(to, id))).toEqual(content);
  expect((await from.send(from.volumeId)).bytes.equals(bytes)).toBe(true);
  expect((await to.receive(bytes)).errors).toContain('was received before; nothing has changed');
  // And on from there.
  const back = await from.receive((await to.send(id)).bytes, '--name=back', '--as=snapshot');
  const snapshotId = back.objects[0].spec.source.snapshotHandle;
  expect(await listTree(join(from.node.pool, 'snapshots', snapshotId, 'data'))).toEqual(content);
});

describe.skipIf(!isHostRoot)('between a plain directory and btrfs', () => {
  test('a directory arrives within the limit of its subvolume, and a snapshot of that comes back', async () => {
    const from = await sender();
    const pool = btrfs('qgroup', 2048 * MiB);
    const to = await movingNode({ flags: [`--pool=other=${pool}`] });
    const { objects } = await to.receive((await from.send(from.volumeId)).bytes, '--pool=other');
    const id = objects[0].spec.csi.volumeHandle;
    expect(objects[0].spec.csi.volumeAttributes).toMatchObject({
      backend: 'subvolume',
      capacityEnforced: 'true',
    });
    const content = await listTree(from.path, { holes: false });
    expect(await listTree(dataOf(to, id, pool), { holes: false })).toEqual(content);
    const { snapshot } = await to.node.controller.CreateSnapshot({ name: 'snap', source_volume_id: id });
    const { bytes } = await to.send(snapshot?.snapshot_id ?? '');
    const back = await from.receive(bytes, '--pool=default', '--as=volume');
    expect(back.errors).toContain('is complete');
    const path = dataOf(from, back.objects[0].spec.csi.volumeHandle);
    expect(await listTree(path, { holes: false })).toEqual(content);
  });
});

describe.skipIf(!isHostRoot)('between two pools on btrfs', () => {
  async function btrfsNode() {
    const pool = btrfs('qgroup', 2048 * MiB);
    const moving = await movingNode({ flags: [`--pool=other=${pool}`] });
    const { controller } = moving.node;
    const snapshot = async (name: string, source_volume_id: string) =>
      (await controller.CreateSnapshot({ name, source_volume_id })).snapshot?.snapshot_id ?? '';
    return { ...moving, pool, snapshot };
  }

  /** A node with a volume on btrfs, and a snapshot of it. */
  async function btrfsSender() {
    const from = await btrfsNode();
    const volumeId = await from.node.create('first', { ...size, parameters: { pool: 'other' } });
    const path = dataOf(from, volumeId, from.pool);
    await makeRichTree(path);
    // btrfs makes no paths of more than 4096 bytes, either.
    execFileSync('rm', ['--recursive', join(path, 'deep')]);
    return { ...from, volumeId, path, first: await from.snapshot('one', volumeId) };
  }

  const contentOf = (path: string) => listTree(path, { holes: false });

  test('only what changed in a directory is sent, exactly, in both directions', async () => {
    const from = await btrfsSender();
    const to = await btrfsNode();
    const format = '--format=btrfs';
    const whole = await from.send(from.first, format);
    expect(whole.errors).toContain('all of it');
    expect((await to.receive(whole.bytes)).errors).toContain('is complete');
    changeTree(from.path);
    const second = await from.snapshot('two', from.volumeId);
    const { bytes } = await from.send(second, format, `--since=${from.first}`);
    const { objects, errors } = await to.receive(bytes);
    expect(errors).toContain('is complete');
    const received = objects[0].spec.source.snapshotHandle;
    const content = await contentOf(from.path);
    expect(await contentOf(join(to.pool, 'snapshots', received, 'data'))).toEqual(content);
    const moved = await to.receive(bytes, '--as=volume', '--name=moved');
    const { volumeHandle, volumeAttributes } = moved.objects[0].spec.csi;
    expect(volumeAttributes).toMatchObject({ backend: 'subvolume', capacityEnforced: 'true' });
    const path = dataOf(to, volumeHandle, to.pool);
    expect(await contentOf(path)).toEqual(content);
    expect(readdirSync(join(path, '..')).toSorted()).toEqual(['data', 'volume.json']);
    writeFileSync(join(path, 'added'), 'on the other node');
    const third = await to.snapshot('three', volumeHandle);
    const back = await from.receive((await to.send(third, format)).bytes, '--as=volume', '--name=back');
    const returned = dataOf(from, back.objects[0].spec.csi.volumeHandle, from.pool);
    expect(await contentOf(returned)).toEqual(await contentOf(path));
  });

  test('a stream for btrfs is refused elsewhere, and one of a volume is not made', async () => {
    const from = await btrfsSender();
    const to = await btrfsNode();
    const { bytes } = await from.send(from.first, '--format=btrfs');
    expect((await to.receive(bytes, '--pool=default')).errors).toBe(
      'the stream is one of btrfs send, and pool "default" is not on btrfs; send it with --format=tar\n',
    );
    expect((await from.send(from.volumeId, '--format=btrfs')).errors).toBe(
      `--format: btrfs sends snapshots only; take one of volume "${from.volumeId}" and send that\n`,
    );
    expect(contentsOf(to)).toEqual([]);
  });

  test('a stream for btrfs that would write outside its subvolume leaves nothing', async () => {
    const from = await btrfsNode();
    const volumeId = await from.node.create('first', { ...size, parameters: { pool: 'other' } });
    const name = 'n'.repeat(40);
    writeFileSync(join(dataOf(from, volumeId, from.pool), name), 'hostile');
    const { bytes } = await from.send(await from.snapshot('snap', volumeId), '--format=btrfs');
    const stream = archiveIn(bytes);
    // The name that the file has first.
    const [temporary = ''] = /o257-\d+-0/.exec(stream.toString('latin1')) ?? [];
    const to = await btrfsNode();
    for (const levels of ['../', '../../']) {
      const outside = levels.padEnd(temporary.length, 'x');
      const spelledLonger = `${levels}${'/'.repeat(name.length - outside.length)}${outside.slice(levels.length)}`;
      const hostile = patchedBtrfsStream(stream, { [temporary]: outside, [name]: spelledLonger });
      const { code, errors } = await to.receive(await withArchive(bytes, hostile));
      const error = 'the stream has other things than one read-only subvolume with the name data\n';
      expect([code, errors], levels).toEqual([EXIT_FAILURE, error]);
      for (const each of ['volumes', 'snapshots', '.incoming'])
        expect(readdirSync(join(to.pool, each))).toEqual([]);
    }
  });
});

test('an archive that would write outside its directory is refused, and leaves nothing', async () => {
  const from = await sender();
  const { bytes } = await from.send(from.volumeId);
  const to = await movingNode();
  const outside = scratchDirectory();
  const tree = scratchDirectory();
  const target = join(outside, 'written');
  mkdirSync(join(tree, 'real'));
  writeFileSync(join(tree, 'real', 'written'), 'hostile');
  symlinkSync(outside, join(tree, 'link'));
  const pack = (...words: string[]) =>
    execFileSync('tar', ['--create', '--absolute-names', `--directory=${tree}`, ...words], {
      stdio: ['ignore', 'pipe', 'ignore'],
    });
  const archives = {
    'an absolute name': pack(`--transform=s,real/written,${target},`, 'real/written'),
    'a name with ..': pack(`--transform=s,real/written,../../../../../../../..${target},`, 'real/written'),
    'a link, and a name through it': pack('--transform=s,^real/,link/,', 'link', 'real/written'),
    nonsense: Buffer.alloc(10_240, 'x'),
  };
  for (const [name, archive] of Object.entries(archives)) {
    const { code, errors } = await to.receive(await withArchive(bytes, archive));
    expect([code, errors], name).toEqual([
      EXIT_FAILURE,
      expect.stringMatching(
        /^cannot unpack the directory in the stream: tar (warned|ended with exit code \d): tar: /,
      ),
    ]);
    expect(existsSync(target), name).toBe(false);
  }
});

test('a directory whose stream is cut short or changed leaves nothing', async () => {
  const from = await sender();
  const { bytes } = await from.send(from.volumeId);
  const to = await movingNode();
  for (let at = 1; at < bytes.length; at += Math.floor(bytes.length / 8)) {
    expect((await to.receive(bytes.subarray(0, at))).code).toBe(EXIT_FAILURE);
    const changed = Buffer.from(bytes);
    changed[at] = (changed[at] ?? 0) ^ 8;
    expect((await to.receive(changed)).code).toBe(EXIT_FAILURE);
  }
  expect(contentsOf(to)).toEqual([]);
});

test('changes of a directory are not sent, and a mounted one is not', async () => {
  const { node, send } = await movingNode();
  const { volume_id, staging_target_path } = await node.createStaged('first', undefined, size);
  expect((await send(volume_id)).errors).toContain(
    `is mounted at ${staging_target_path}; end the pods that use it, or send a snapshot of it`,
  );
  const { snapshot } = await node.controller.CreateSnapshot({ name: 'snap', source_volume_id: volume_id });
  const id = snapshot?.snapshot_id ?? '';
  const { code, errors } = await send(id, `--since=${id}`);
  expect([code, errors]).toEqual([
    EXIT_FAILURE,
    '--since: of directories only snapshots on btrfs have changes (--format=btrfs), and "snap" is sent as an archive; send all of it\n',
  ]);
});
