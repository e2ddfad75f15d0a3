import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { FrameWriter, frameTypes } from '../../../src/actions/moving/frames.ts';
import { btrfs } from '../../support/btrfs.ts';
import { isHostRoot } from '../../support/host-root.ts';
import { type MovingNode, movingNode } from '../../support/moving-node.ts';
import { makeRichTree } from '../../support/rich-tree.ts';
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
    '--since: changes are only found between images, and "snap" is a directory; send all of it\n',
  ]);
});
