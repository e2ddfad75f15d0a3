import { execFileSync } from 'node:child_process';
import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  statSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { adoptingNode, makeData, objectsIn } from '../../support/adopting-node.ts';
import { bind } from '../../support/bind.ts';
import { btrfs } from '../../support/btrfs.ts';
import { mountedImage } from '../../support/disk-image.ts';
import { runDriver } from '../../support/driver-process.ts';
import { isHostRoot } from '../../support/host-root.ts';
import { scratchDirectory } from '../../support/scratch.ts';
import type { TestNode } from '../../support/test-node.ts';
import { listTree } from '../../support/tree-listing.ts';
import { waitingProcess } from '../../support/waiting-process.ts';
import { whilePublished } from '../../support/whole-life.ts';

const MIB = 1024 ** 2;
const GIB = 1024 ** 3;
const EXIT_FAILURE = 3;
const listing = (path: string) => listTree(path, { holes: false });

async function volumeIds({ controller }: TestNode): Promise<string[]> {
  const { entries } = await controller.ListVolumes({});
  return (entries ?? []).map(({ volume }) => volume?.volume_id ?? '');
}

test('a directory becomes a volume by a rename: staged, published, snapshotted and deleted like any other', async () => {
  const { node, socket } = await adoptingNode();
  const path = makeData(join(node.directory, 'data'));
  const { ino } = statSync(path);
  const before = await listing(path);
  const words = ['adopt', path, '--claim=shop/db', '--size=2Gi', '--yes', `--socket=${socket}`];
  const { code, stdout, stderr } = await runDriver(words);
  expect([code, stderr]).toEqual([0, expect.stringContaining('moved into pool default (directory)')]);
  expect(existsSync(path)).toBe(false);
  const [volume, claim] = objectsIn({ stdout });
  expect(volume).toMatchObject({
    kind: 'PersistentVolume',
    metadata: { name: 'data' },
    spec: {
      capacity: { storage: String(2 * GIB) },
      accessModes: ['ReadWriteOnce'],
      persistentVolumeReclaimPolicy: 'Retain',
      claimRef: { namespace: 'shop', name: 'db' },
      csi: { volumeHandle: expect.stringMatching(/^data-/) },
    },
  });
  expect(claim).toMatchObject({ kind: 'PersistentVolumeClaim', spec: { volumeName: 'data' } });
  const volume_id = volume.spec.csi.volumeHandle;
  expect(statSync(join(node.pool, 'volumes', volume_id, 'data')).ino).toBe(ino);
  await whilePublished(node, volume_id, async (target) => {
    expect(await listing(target)).toEqual(before);
    const { snapshot } = await node.controller.CreateSnapshot({ name: 's', source_volume_id: volume_id });
    expect(snapshot).toMatchObject({ ready_to_use: true });
  });
  await node.controller.DeleteVolume({ volume_id });
  expect(readdirSync(join(node.pool, 'volumes'))).toEqual([]);
});

test('without --yes nothing changes, and the id is the one that the volume gets; again, it is found', async () => {
  const { node, run, flags } = await adoptingNode();
  const path = makeData(join(node.directory, 'data'));
  const before = await listing(path);
  const dry = await run('adopt', path, '-o', 'json');
  const [plan] = JSON.parse(dry.stdout);
  expect(plan).toMatchObject({ name: 'data', how: 'move', sizeBytes: GIB, isSizeEnforced: false });
  expect((await run('adopt', path)).stdout).toMatch(
    /would be moved into pool default[\s\S]*Nothing has changed/,
  );
  expect([await listing(path), await volumeIds(node)]).toEqual([before, []]);
  const first = await run('adopt', path, '--yes');
  expect(objectsIn(first)[0].spec.csi.volumeHandle).toBe(plan.volumeId);
  await node.restart({ flags });
  const again = await run('adopt', path, '--yes');
  expect([again.code, again.stdout]).toEqual([0, first.stdout]);
  // Other data at the same path is not the volume.
  makeData(path, 'other');
  const other = await run('adopt', path, '--yes');
  expect([other.code, other.stderr]).toEqual([EXIT_FAILURE, expect.stringContaining('made of other data')]);
  expect((await run('adopt', path, '--name=second', '--yes')).code).toBe(0);
  expect(await volumeIds(node)).toHaveLength(2);
});

test('data on another file system is copied, and stays where it is', async () => {
  const { node, run } = await adoptingNode();
  const disk = scratchDirectory();
  execFileSync('mount', ['-t', 'tmpfs', 'tmpfs', disk]);
  const path = makeData(join(disk, 'source'));
  const before = await listing(path);
  const words = ['adopt', path, '--name=copied'];
  expect((await run(...words)).stdout).toContain(
    'would be copied into pool default (directory), because it cannot be moved into the file system of pool "default"',
  );
  const done = await run(...words, '--yes');
  expect([done.code, done.stderr]).toEqual([0, expect.stringContaining('The data stays at')]);
  const [volume] = objectsIn(done);
  expect((await run(...words, '--yes')).stdout).toBe(done.stdout);
  await whilePublished(node, volume.spec.csi.volumeHandle, async (target) =>
    expect(await listing(target)).toEqual(before),
  );
  expect(await listing(path)).toEqual(before);
});

test.skipIf(!isHostRoot)(
  'data in another mount of the file system of the pool is moved, as in a container that has both',
  async () => {
    const outside = scratchDirectory();
    for (const name of ['pool', 'old']) mkdirSync(join(outside, name));
    const places = scratchDirectory();
    for (const name of ['pool', 'old']) {
      mkdirSync(join(places, name));
      await bind(join(outside, name), join(places, name));
    }
    const { run } = await adoptingNode(join(places, 'pool'));
    const path = makeData(join(places, 'old', 'data'));
    const { ino } = statSync(path);
    const done = await run('adopt', path, '--pool=other', '--yes');
    expect([done.code, done.stderr]).toEqual([0, expect.stringContaining('moved into pool other')]);
    const [volume] = objectsIn(done);
    expect(statSync(join(outside, 'pool', 'volumes', volume.spec.csi.volumeHandle, 'data')).ino).toBe(ino);
    expect(readdirSync(join(outside, 'old'))).toEqual([]);
  },
);

describe('refused before anything changes:', () => {
  test('paths that are not those of data, and values that do not fit', async () => {
    const { node, run } = await adoptingNode();
    const path = makeData(join(node.directory, 'data'));
    symlinkSync(path, join(node.directory, 'symlink'));
    execFileSync('mkfifo', [join(node.directory, 'fifo')]);
    writeFileSync(join(node.directory, 'text'), 'no file system');
    writeFileSync(join(path, 'large'), Buffer.alloc(2 * MIB, 1));
    const taken = await node.create('taken');
    const cases: [string[], string][] = [
      [['/'], 'is the root of the node'],
      [['data'], 'must be an absolute path'],
      [[`${path}/../data`], 'must not contain "." or ".."'],
      [[join(node.directory, 'missing')], 'does not exist'],
      [[node.pool], 'is in pool "default"'],
      [[join(node.pool, 'volumes', taken, 'data')], 'is in pool "default"'],
      [[node.directory], 'contains pool "default"'],
      [[join(node.directory, 'symlink')], 'is a symbolic link'],
      [[join(node.directory, 'symlink', 'inner')], 'symbolic link'],
      [[join(node.directory, 'fifo')], 'is neither a directory nor a file'],
      [[path, '--pool=nowhere'], '"nowhere" is an unknown pool; available: default'],
      [[path, '--name=taken'], 'a volume named "taken" exists already'],
      [[path, '--size=1Mi'], 'is smaller than what is in'],
      [[path, '--size=2Ti'], 'exceed the maximum volume size'],
      [[path, '--block'], 'is a directory; only a file can be a block volume'],
      [[path, `--name=${'n'.repeat(129)}`], 'is longer than 128 bytes'],
      ...(isHostRoot
        ? ([[[join(node.directory, 'text')], 'has no file system of ext4, xfs or btrfs']] as [
            string[],
            string,
          ][])
        : []),
    ];
    const before = await listing(path);
    for (const [words, reason] of cases) {
      const { code, stdout, stderr } = await run('adopt', '--yes', ...words);
      expect([code, stdout, stderr]).toEqual([EXIT_FAILURE, '', expect.stringContaining(reason)]);
    }
    expect([await listing(path), await volumeIds(node)]).toEqual([before, [taken]]);
  });

  test('data that is in use by a mount, here or in another mount namespace', async () => {
    const { node, run } = await adoptingNode();
    const path = makeData(join(node.directory, 'data'));
    const mounted = join(node.directory, 'mounted');
    mkdirSync(mounted);
    const expectRefused = async (name: string, reason: string) => {
      const { code, stderr } = await run('adopt', name, '--yes');
      expect([code, stderr]).toEqual([EXIT_FAILURE, expect.stringMatching(reason)]);
      expect(existsSync(join(path, 'file'))).toBe(true);
    };
    await bind(join(path, 'inner'), mounted);
    await expectRefused(path, `is in use: it is mounted at ${mounted}`);
    await expectRefused(mounted, 'is a mount point');
    execFileSync('umount', [mounted]);
    await bind(scratchDirectory(), join(path, 'inner'));
    await expectRefused(path, `it has a mount on it or in it, at ${path}/inner`);
    execFileSync('umount', [join(path, 'inner')]);
    const script = `mount --bind ${path} ${mounted} && echo && cat`;
    const words = ['--mount', '--propagation', 'private', 'sh', '-c', script];
    const other = await waitingProcess('unshare', words, { saysReady: true });
    await expectRefused(
      path,
      `is mounted at ${mounted} in the mount namespace of process \\d+ \\((sh|cat)\\)`,
    );
    await other.end();
    // What a published volume holds is in a pool, wherever it is mounted.
    const { target_path } = await node.createPublished('published');
    mkdirSync(join(target_path, 'inner'));
    await expectRefused(join(target_path, 'inner'), 'is in volume');
    expect((await run('adopt', path, '--yes')).code).toBe(0);
  });

  test('what the accounts have no room for, and what another command works on', async () => {
    const { node, run, flags } = await adoptingNode();
    const path = makeData(join(node.directory, 'data'));
    await node.stop();
    let arrive = () => {};
    let leave = () => {};
    const arrived = new Promise<void>((resolve) => (arrive = resolve));
    const left = new Promise<void>((resolve) => (leave = resolve));
    const onStep = async (step: string) => {
      if (step !== 'adopt: prepared') return;
      arrive();
      await left;
    };
    await node.start({ flags: [...flags, '--capacity=default=4Gi'], onStep });
    const full = await run('adopt', path, '--size=5Gi', '--yes');
    expect([full.code, full.stderr]).toEqual([
      EXIT_FAILURE,
      expect.stringContaining('pool "default" has room for 4294967296 bytes, but 5368709120 are needed'),
    ]);
    const first = run('adopt', path, '--yes');
    await arrived;
    for (const name of ['data', 'other']) {
      const second = await run('adopt', path, `--name=${name}`, '--yes');
      expect([second.code, second.stderr]).toEqual([
        EXIT_FAILURE,
        expect.stringContaining('another call is in progress'),
      ]);
    }
    leave();
    expect((await first).code).toBe(0);
    expect(await volumeIds(node)).toHaveLength(1);
  });
});

test('a failure after the data was moved brings it back', async () => {
  const { node, run, flags } = await adoptingNode();
  const path = makeData(join(node.directory, 'data'));
  const before = await listing(path);
  for (const failing of ['adopt: moved', 'adopt: limited', 'adopt: renamed']) {
    await node.restart({
      flags,
      onStep: (step) => {
        if (step === failing) throw new Error('as if the disk had failed');
      },
    });
    expect((await run('adopt', path, '--yes')).code, failing).toBe(EXIT_FAILURE);
    expect(await listing(path)).toEqual(before);
    expect(await volumeIds(node)).toEqual([]);
    for (const name of ['volumes', '.adopting', '.incoming'])
      expect(readdirSync(join(node.pool, name)), failing).toEqual([]);
  }
  await node.restart({ flags });
  expect((await run('adopt', path, '--yes')).code).toBe(0);
});

describe.skipIf(!isHostRoot)('on disks of its own', () => {
  test('a directory becomes a limited subvolume of btrfs by a copy', async () => {
    const pool = btrfs('qgroup', GIB);
    const { node, run } = await adoptingNode(pool);
    const path = makeData(join(pool, '..', 'data'));
    const within = makeData(join(pool, 'data'));
    for (const [source, reason] of [
      [path, 'a directory cannot become a btrfs subvolume'],
      [within, 'is in pool "other"'],
    ] as const) {
      const { stdout, stderr } = await run('adopt', source, '--pool=other', '--size=64Mi');
      expect(`${stdout}${stderr}`).toContain(reason);
    }
    const done = await run('adopt', path, '--pool=other', '--size=64Mi', '--yes');
    expect(done.stderr).toContain('copied into pool other (subvolume)');
    const [volume] = objectsIn(done);
    expect(volume.spec.csi.volumeAttributes).toMatchObject({
      backend: 'subvolume',
      capacityEnforced: 'true',
    });
    await whilePublished(node, volume.spec.csi.volumeHandle, async (target) => {
      expect(await listing(target)).toEqual(await listing(path));
      const write = () => writeFileSync(join(target, 'file'), Buffer.alloc(80 * MIB, 7), { flush: true });
      expect(write).toThrow();
    });
  });

  test('an image file becomes a volume by a rename, and its file system stays as it is', async () => {
    const { node, run } = await adoptingNode();
    const made = mountedImage({ mkfs: ['mkfs.ext4', '-q'], sizeBytes: 64 * MIB });
    makeData(join(made, 'data'));
    const source = join(made, '..', 'image');
    const image = join(node.directory, 'disk.img');
    const attached = await run('adopt', source, '--name=a');
    expect([attached.code, attached.stderr]).toEqual([
      EXIT_FAILURE,
      expect.stringMatching(/is in use: it is attached to \/dev\/loop/),
    ]);
    execFileSync('umount', [made]);
    execFileSync('cp', ['--sparse=always', source, image]);
    const { ino } = statSync(image);
    const wrong = await run('adopt', image, '--size=1Gi', '--yes');
    expect([wrong.code, wrong.stderr]).toEqual([
      EXIT_FAILURE,
      expect.stringContaining('is not the size of the image'),
    ]);
    const done = await run('adopt', image, '--name=image', '--yes');
    expect(done.stderr).toContain('moved into pool default (image)');
    const [volume] = objectsIn(done);
    const volume_id = volume.spec.csi.volumeHandle;
    expect(volume.spec).toMatchObject({ capacity: { storage: String(64 * MIB) }, csi: { fsType: 'ext4' } });
    expect(statSync(join(node.pool, 'volumes', volume_id, 'image')).ino).toBe(ino);
    await whilePublished(node, volume_id, (target) =>
      expect(readFileSync(join(target, 'data', 'file'), 'utf8')).toBe('kept'),
    );
    await node.controller.DeleteVolume({ volume_id });
    // A file whose last sector is not whole is copied, and the copy is whole.
    truncateSync(source, 64 * MIB + 100);
    const copied = await run('adopt', source, '--name=copied', '--block', '--yes');
    expect(copied.stderr).toContain('copied into pool default (image)');
    expect(objectsIn(copied)[0].spec).toMatchObject({
      capacity: { storage: String(64 * MIB + 512) },
      volumeMode: 'Block',
    });
  });
});
