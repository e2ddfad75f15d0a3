import { execFileSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { readdirSync, readFileSync, realpathSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { PassThrough } from 'node:stream';
import { expect, test } from 'vitest';
import type { CreateVolumeRequest } from '../../../src/rpc/generated/csi/v1/CreateVolumeRequest.ts';
import { eventually } from '../../support/eventually.ts';
import { isHostRoot } from '../../support/host-root.ts';
import { allocatedBytes, blockDevice, fileSystem, image, imageFile } from '../../support/image-node.ts';
import { type MovingNode, movingNode } from '../../support/moving-node.ts';

const MiB = 1024 ** 2;
const EXIT_FAILURE = 3;
const block = { ...image(64 * MiB), volume_capabilities: [blockDevice()] };

/** A node with a volume that has data in two places, and a snapshot of it. */
async function sender(changes: Partial<CreateVolumeRequest> = block) {
  const moving = await movingNode({ flags: ['--enable-controller-modify-volume'] });
  const { node } = moving;
  const volumeId = await node.create('first', changes);
  const path = imageFile(node, volumeId);
  write(path, 1 * MiB, randomBytes(3 * MiB + 4096));
  write(path, 60 * MiB, randomBytes(8192));
  const snapshotId = await snapshot(moving, 'snap', volumeId);
  return { ...moving, volumeId, path, snapshotId };
}

async function snapshot({ node }: MovingNode, name: string, source_volume_id: string): Promise<string> {
  const { snapshot } = await node.controller.CreateSnapshot({ name, source_volume_id });
  return snapshot?.snapshot_id ?? '';
}

function write(path: string, position: number, bytes: Buffer): void {
  const dd = ['dd', `of=${path}`, 'conv=notrunc', 'oflag=seek_bytes', `seek=${position}`, 'status=none'];
  execFileSync(dd[0] ?? '', dd.slice(1), { input: bytes });
}

function snapshotFile({ node }: MovingNode, id: string): string {
  return join(node.pool, 'snapshots', id, 'image');
}

/** Everything that is visible or left of volumes and snapshots in the pool of a node. */
function contentsOf({ node }: MovingNode): string[] {
  return ['volumes', 'snapshots', '.incoming', '.outgoing'].flatMap((each) =>
    readdirSync(join(node.pool, each)).map((name) => `${each}/${name}`),
  );
}

test('a snapshot arrives on another node with the same bytes and holes, and can be restored there', async () => {
  const from = await sender();
  const to = await movingNode();
  const { bytes } = await from.send(from.snapshotId);
  expect(bytes.length).toBeLessThan(5 * MiB);
  const { code, errors, objects } = await to.receive(bytes);
  expect([code, errors]).toEqual([
    0,
    expect.stringMatching(/received 3.0 MiB, all of it\nsnapshot snap-.* is complete/),
  ]);
  const id = objects[0].spec.source.snapshotHandle;
  expect(objects).toMatchObject([
    {
      kind: 'VolumeSnapshotContent',
      spec: { deletionPolicy: 'Retain', volumeSnapshotRef: { name: 'snap' } },
    },
    { kind: 'VolumeSnapshot', spec: { source: { volumeSnapshotContentName: 'snap' } } },
  ]);
  expect(readFileSync(snapshotFile(to, id)).equals(readFileSync(from.path))).toBe(true);
  expect(allocatedBytes(snapshotFile(to, id))).toBeLessThan(5 * MiB);
  const restored = await to.node.create('restored', {
    ...block,
    volume_content_source: { snapshot: { snapshot_id: id } },
  });
  expect(readFileSync(imageFile(to.node, restored)).equals(readFileSync(from.path))).toBe(true);
});

test('a volume keeps its size, form, claim, and what was said of it; receiving it again changes nothing', async () => {
  const from = await sender({
    ...block,
    parameters: {
      'csi.storage.k8s.io/pvc/namespace': 'shop',
      'csi.storage.k8s.io/pvc/name': 'data',
      provisioning: 'thick',
      nameTemplate: '${pvc.namespace}/${pvc.name}',
    },
    mutable_parameters: { onDelete: 'retain' },
  });
  const to = await movingNode();
  const { bytes } = await from.send(from.volumeId);
  const { code, objects } = await to.receive(bytes);
  expect(code).toBe(0);
  const [{ spec }, claim] = objects;
  const id = spec.csi.volumeHandle;
  expect(spec).toMatchObject({
    volumeMode: 'Block',
    capacity: { storage: String(64 * MiB) },
    claimRef: { namespace: 'shop', name: 'data' },
  });
  expect(claim).toMatchObject({ kind: 'PersistentVolumeClaim', spec: { volumeName: 'first' } });
  expect(readFileSync(imageFile(to.node, id)).equals(readFileSync(from.path))).toBe(true);
  expect(JSON.parse(readFileSync(join(to.node.pool, 'volumes', id, 'volume.json'), 'utf8'))).toMatchObject({
    mutable: { onDelete: 'retain' },
    origin: { id: from.volumeId },
  });
  expect(allocatedBytes(imageFile(to.node, id))).toBeGreaterThanOrEqual(64 * MiB);
  expect(realpathSync(join(to.node.pool, 'names/shop/data'))).toContain(id);
  const before = contentsOf(to);
  const again = await to.receive(bytes);
  expect([again.code, again.errors]).toEqual([
    0,
    expect.stringContaining(`volume ${id} was received before`),
  ]);
  expect(again.objects).toEqual(objects);
  write(from.path, 0, randomBytes(4096));
  const changed = await to.receive((await from.send(from.volumeId)).bytes);
  expect([changed.code, changed.errors]).toEqual([
    EXIT_FAILURE,
    'a volume named "first" already exists, and was not received from this stream; choose another --name\n',
  ]);
  expect(contentsOf(to)).toEqual(before);
});

test.skipIf(!isHostRoot)('a file system on an image arrives, and is mounted on the other node', async () => {
  const from = await movingNode();
  const { volume_id, staging_target_path } = await from.node.createStaged(
    'first',
    fileSystem('ext4'),
    image(64 * MiB),
  );
  writeFileSync(join(staging_target_path, 'file'), 'content');
  const refused = await from.send(volume_id);
  expect([refused.code, refused.errors]).toEqual([
    EXIT_FAILURE,
    expect.stringMatching(
      /^volume "first-.*" is attached to .*; end the pods that use it, or send a snapshot of it\n$/,
    ),
  ]);
  await from.node.node.NodeUnstageVolume({ volume_id, staging_target_path });
  const to = await movingNode();
  const { objects } = await to.receive((await from.send(volume_id)).bytes, '--name=second');
  const staging = to.node.newStaging();
  await to.node.node.NodeStageVolume({
    volume_id: objects[0].spec.csi.volumeHandle,
    staging_target_path: staging,
    volume_capability: fileSystem('ext4'),
  });
  expect(readFileSync(join(staging, 'file'), 'utf8')).toBe('content');
});

test('only what changed since a snapshot that both nodes have is sent, in both directions', async () => {
  const from = await sender();
  const to = await movingNode();
  await to.receive((await from.send(from.snapshotId)).bytes);
  write(from.path, 2 * MiB, randomBytes(4096));
  write(from.path, 60 * MiB, Buffer.alloc(8192));
  const later = await snapshot(from, 'later', from.volumeId);
  const { bytes } = await from.send(later, `--since=${from.snapshotId}`);
  expect(bytes.length).toBeLessThan(16 * 1024);
  const { code, objects } = await to.receive(bytes);
  expect(code).toBe(0);
  const received = objects[0].spec.source.snapshotHandle;
  expect(readFileSync(snapshotFile(to, received)).equals(readFileSync(from.path))).toBe(true);
  // The other node sends a volume that was made of it back.
  const snapshotSource = { snapshot: { snapshot_id: received } };
  const restored = await to.node.create('restored', {
    ...block,
    volume_content_source: snapshotSource,
  });
  write(imageFile(to.node, restored), 5 * MiB, randomBytes(4096));
  const back = await to.send(restored, `--since=${received}`);
  expect(back.bytes.length).toBeLessThan(16 * 1024);
  const home = await from.receive(back.bytes, '--as=volume');
  const path = imageFile(from.node, home.objects[0].spec.csi.volumeHandle);
  expect(readFileSync(path).equals(readFileSync(imageFile(to.node, restored)))).toBe(true);
});

test('changes since a snapshot that the node does not have are refused', async () => {
  const from = await sender();
  const later = await snapshot(from, 'later', from.volumeId);
  const { bytes } = await from.send(later, `--since=${from.snapshotId}`);
  const to = await movingNode();
  const { code, errors } = await to.receive(bytes);
  expect([code, errors]).toEqual([
    EXIT_FAILURE,
    `the stream has what changed since snapshot "${from.snapshotId}", which is not on this node; receive that first, or send all of "later"\n`,
  ]);
  expect(contentsOf(to)).toEqual([]);
});

test('a stream that was cut short or changed anywhere leaves nothing', async () => {
  const from = await movingNode();
  const volumeId = await from.node.create('first', image(64 * MiB));
  write(imageFile(from.node, volumeId), MiB, randomBytes(300_000));
  const { bytes } = await from.send(volumeId);
  const to = await movingNode();
  for (const end of [...frameEnds(bytes).slice(0, -1), 0, 10, 100, bytes.length - 1]) {
    const { code, errors } = await to.receive(bytes.subarray(0, end));
    expect([code, errors], `cut at ${end}`).toEqual([
      EXIT_FAILURE,
      expect.stringMatching(
        /^(the stream is cut short: it ends after|the stream is empty|this is not a stream)/,
      ),
    ]);
  }
  for (const start of [0, ...frameEnds(bytes).slice(0, -1)]) {
    for (const offset of [0, 2, 5, 20, 35]) {
      const changed = Buffer.from(bytes);
      changed[start + offset] = (changed[start + offset] ?? 0) ^ 1;
      const { code, errors } = await to.receive(changed);
      expect([code, errors], `changed at ${start + offset}`).toEqual([
        EXIT_FAILURE,
        expect.stringMatching(
          /^(the stream (was changed|is cut short|has format version)|this is not a stream)/,
        ),
      ]);
    }
  }
  const longer = await to.receive(Buffer.concat([bytes, Buffer.from('x')]));
  expect(longer.errors).toBe('more follows after the end of the stream\n');
  expect(contentsOf(to)).toEqual([]);
});

test('a stream of another version, without room, or for an unknown pool is refused before anything changes', async () => {
  const from = await sender();
  const { bytes } = await from.send(from.volumeId);
  const to = await movingNode({ flags: ['--capacity=default=32Mi'] });
  const newer = Buffer.concat([Buffer.from('csi-hostpath stream 2\n'), bytes.subarray(22)]);
  for (const [stream, flags, error] of [
    [newer, [], 'the stream has format version 2; this driver reads version 1'],
    [bytes, [], `pool "default" has room for ${32 * MiB} bytes, but ${64 * MiB} are needed`],
    [bytes, ['--pool=tape'], '--pool: "tape" is an unknown pool; available: default'],
    [bytes, ['--as=snapshot', '--pool=tape'], '--pool: "tape" is an unknown pool; available: default'],
  ] as const) {
    const { code, errors } = await to.receive(stream, ...flags);
    expect([code, errors]).toEqual([EXIT_FAILURE, `${error}\n`]);
  }
  expect(contentsOf(to)).toEqual([]);
  const unknown = await from.send('nothing');
  expect([unknown.code, unknown.bytes.length, unknown.errors]).toEqual([
    EXIT_FAILURE,
    0,
    'volume or snapshot "nothing" does not exist\n',
  ]);
});

test('a stream that was interrupted goes on where it ended, unless the volume has changed since', async () => {
  const from = await sender();
  const { bytes } = await from.send(from.volumeId);
  const begun = bytes.subarray(0, 2 * MiB + 1);
  const rest = await from.send(from.volumeId, `--from=${begun.length}`);
  expect(Buffer.concat([begun, rest.bytes]).equals(bytes)).toBe(true);
  const beyond = await from.send(from.volumeId, `--from=${bytes.length + 1}`);
  expect([beyond.code, beyond.bytes.length, beyond.errors]).toEqual([
    EXIT_FAILURE,
    0,
    expect.stringContaining(
      `--from: ${bytes.length + 1} is more than the ${bytes.length} bytes of the stream`,
    ),
  ]);
  write(from.path, MiB, randomBytes(4096));
  const other = await from.send(from.volumeId, `--from=${begun.length}`);
  const to = await movingNode();
  const { code, errors } = await to.receive(Buffer.concat([begun, other.bytes]));
  expect([code, errors]).toEqual([
    EXIT_FAILURE,
    expect.stringContaining('the stream was changed on its way'),
  ]);
});

test('while a stream is received, a second one of the same name is refused, and a sender that stops leaves nothing', async () => {
  const from = await sender();
  const { bytes } = await from.send(from.volumeId);
  const to = await movingNode();
  const slow = new PassThrough();
  slow.write(bytes.subarray(0, MiB));
  const first = to.receive(slow);
  await eventually(() => expect(contentsOf(to)).toHaveLength(1));
  const second = await to.receive(bytes);
  expect(second.errors).toBe('another call is in progress for the volume name "first"; retry later\n');
  slow.end();
  expect((await first).errors).toContain('the stream is cut short: it ends after');
  expect(contentsOf(to)).toEqual([]);
});

test('a driver that is killed while it receives leaves nothing after its restart', async () => {
  const from = await sender();
  const { bytes } = await from.send(from.volumeId);
  const to = await movingNode({ ownProcess: true });
  const slow = new PassThrough();
  slow.write(bytes.subarray(0, MiB));
  const receiving = to.receive(slow);
  await eventually(() => expect(contentsOf(to)).toHaveLength(1));
  await to.node.stop('SIGKILL');
  expect((await receiving).code).toBe(EXIT_FAILURE);
  await to.node.start(to.start);
  await eventually(() => expect(contentsOf(to)).toEqual([]));
  expect((await to.receive(bytes)).code).toBe(0);
});

/** Where each frame of a stream ends. */
function frameEnds(stream: Buffer): number[] {
  const ends: number[] = [stream.indexOf('\n') + 1];
  for (let at = ends[0] ?? 0; at < stream.length; ) {
    at += 5 + stream.readUInt32BE(at + 1) + 32;
    ends.push(at);
  }
  return ends;
}
