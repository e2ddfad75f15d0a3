import { mkdirSync, readdirSync, renameSync, symlinkSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { beforeAll, describe, expect, test } from 'vitest';
import { makeDeep, namesForLength } from '../../support/deep-path.ts';
import { listing } from '../../support/listing.ts';
import { expectRefusal } from '../../support/refusal.ts';
import { mountCapability } from '../../support/requests.ts';
import { mountsBelow } from '../../support/scratch.ts';
import { type Published, TestNode } from '../../support/test-node.ts';
import { waitingProcess } from '../../support/waiting-process.ts';

const volume_capability = mountCapability();

let node: TestNode;
/** A staged volume, for publishes that are refused; no test here publishes it permanently. */
let staged: Published;

beforeAll(async () => {
  node = new TestNode();
  await node.start();
  staged = await node.createStaged('staged');
  return () => node.dispose();
});

/** Every call with a path that it mounts, makes or removes, on one path. */
const calls: Record<string, (path: string) => Promise<unknown>> = {
  NodeStageVolume: (path) =>
    node.node.NodeStageVolume({ ...staged, staging_target_path: path, volume_capability }),
  NodeUnstageVolume: (path) => node.node.NodeUnstageVolume({ ...staged, staging_target_path: path }),
  NodePublishVolume: (path) =>
    node.node.NodePublishVolume({ ...staged, target_path: path, volume_capability }),
  NodeUnpublishVolume: (path) => node.node.NodeUnpublishVolume({ ...staged, target_path: path }),
};

describe.each(Object.entries(calls))('%s', (rpc, call) => {
  const field = rpc.includes('ublish') ? 'target_path' : 'staging_target_path';

  async function expectUnchanged(path: string, text = field): Promise<void> {
    const [before, mountsBefore] = [
      listing(node.directory, ['pool/.outgoing']),
      await mountsBelow(node.directory),
    ];
    await expectRefusal(call(path), 'INVALID_ARGUMENT', text);
    expect(listing(node.directory, ['pool/.outgoing'])).toEqual(before);
    expect(await mountsBelow(node.directory)).toEqual(mountsBefore);
  }

  test.each(['some/path', './x', '../x', 'x', '.', '~'])('the relative path %j is invalid', async (path) => {
    await expectUnchanged(path);
  });

  test('a path with a NUL character is invalid', async () => {
    await expectUnchanged(`${node.newPath()}\0`);
  });

  test('a path of 4,096 bytes or of a megabyte is invalid', async () => {
    await expectUnchanged(`${node.directory}/${'d/'.repeat(2048)}`.slice(0, 4096));
    await expectUnchanged(`${node.directory}/${'d/'.repeat(512 * 1024)}`);
  });

  test('a component of 256 bytes is invalid', async () => {
    await expectUnchanged(join(node.directory, 'n'.repeat(256)));
    await expectUnchanged(join(node.directory, 'n'.repeat(256), 'below'));
  });

  test('a symbolic link to a directory, to a mount or to nothing is invalid', async () => {
    const [directory, link] = [node.newStaging(), node.newPath()];
    for (const destination of [directory, staged.staging_target_path, 'nowhere', '/']) {
      const path = `${link}-${Buffer.from(destination).toString('hex').slice(-16)}`;
      symlinkSync(destination, path);
      await expectUnchanged(path);
    }
  });

  test('a path through a symbolic link is invalid, also if it leads to the same place', async () => {
    const parent = dirname(node.newPath());
    renameSync(parent, `${parent}-moved`);
    symlinkSync(`${parent}-moved`, parent);
    mkdirSync(join(parent, 'mount'));
    await expectUnchanged(join(parent, 'mount'));
    await expectUnchanged(join(parent, 'absent'));
    await expectUnchanged(`/proc/${process.pid}/root${node.newStaging()}`);
  });

  test('a path through a file is invalid', async () => {
    const file = node.newPath();
    writeFileSync(file, 'content');
    await expectUnchanged(join(file, 'below'));
  });

  test('a path in the pool is invalid, however it is written', async () => {
    for (const path of [
      '',
      '/',
      '/volumes',
      `/volumes/${staged.volume_id}/data`,
      '/new',
      '/.csi-hostpath',
      '/./x',
      '//x',
      '/x/../y',
    ]) {
      await expectUnchanged(`${node.pool}${path}`, 'pool');
    }
    await expectUnchanged(`${node.directory}/absent/../pool/volumes`, 'pool');
  });

  test('a directory with the pool below it is invalid', async () => {
    for (const path of [
      node.directory,
      `${node.directory}/`,
      dirname(node.directory),
      '/',
      '//',
      '/..',
      '/tmp/../..',
    ]) {
      await expectUnchanged(path, 'pool');
    }
  });
});

test('staging and target paths of 4,095 bytes work', async () => {
  const volume_id = await node.create('far down');
  const parent = dirname(node.newPath());
  const pathOf = (name: string) => {
    const names = namesForLength(join(parent, name), 4095);
    mkdirSync(join(parent, name));
    return { names, path: join(parent, name, ...names), root: join(parent, name) };
  };
  const [staging, target] = [pathOf('staging'), pathOf('target')];
  makeDeep(staging.root, staging.names);
  makeDeep(target.root, target.names.slice(0, -1));
  for (const { path } of [staging, target]) expect(Buffer.byteLength(path)).toBe(4095);
  const paths = { volume_id, staging_target_path: staging.path, target_path: target.path };
  await node.node.NodeStageVolume({ ...paths, volume_capability });
  await node.node.NodePublishVolume({ ...paths, volume_capability });
  expect((await node.node.NodeGetVolumeStats({ volume_id, volume_path: target.path })).usage).toHaveLength(2);
  await expectRefusal(node.controller.DeleteVolume({ volume_id }), 'FAILED_PRECONDITION', 'still mounted');
  expect(await mountsBelow(parent)).toEqual([staging.path, target.path]);
  await node.node.NodeUnpublishVolume(paths);
  await node.node.NodeUnstageVolume(paths);
  expect(await mountsBelow(parent)).toEqual([]);
  await node.controller.DeleteVolume({ volume_id });
});

test('doubled slashes, dots and a trailing slash do not change a path', async () => {
  const paths = await node.createStaged('spelling');
  const odd = paths.target_path.replace(/\/mount$/, '//./x/../mount/');
  await node.node.NodePublishVolume({ ...paths, target_path: odd, volume_capability });
  expect(await mountsBelow(paths.target_path)).toEqual([paths.target_path]);
  await node.node.NodePublishVolume({ ...paths, volume_capability });
  expect(await mountsBelow(paths.target_path)).toEqual([paths.target_path]);
  await node.node.NodeUnpublishVolume({ ...paths, target_path: `${paths.target_path}/` });
  expect(await mountsBelow(paths.target_path)).toEqual([]);
});

describe('a target', () => {
  test('is refused if it is the staging path, however it is written', async () => {
    for (const target_path of [staged.staging_target_path, `${staged.staging_target_path}/.`]) {
      const call = node.node.NodePublishVolume({ ...staged, target_path, volume_capability });
      await expectRefusal(call, 'INVALID_ARGUMENT', 'target_path');
    }
  });

  test('is refused if another volume is mounted there, and that mount stays', async () => {
    const other = await node.createPublished('in the way');
    const { target_path } = other;
    const publish = node.node.NodePublishVolume({ ...staged, target_path, volume_capability });
    await expectRefusal(publish, 'FAILED_PRECONDITION', 'target_path');
    const unpublish = node.node.NodeUnpublishVolume({ volume_id: staged.volume_id, target_path });
    await expectRefusal(unpublish, 'FAILED_PRECONDITION', other.volume_id);
    expect(await mountsBelow(target_path)).toEqual([target_path]);
  });

  test('is refused if its parent does not exist, and no parent is made', async () => {
    const parent = node.newPath();
    const call = node.node.NodePublishVolume({
      ...staged,
      target_path: join(parent, 'mount'),
      volume_capability,
    });
    await expectRefusal(call, 'FAILED_PRECONDITION', 'does not exist');
    expect(readdirSync(dirname(parent))).toEqual([]);
  });

  test('is refused if it is a file, and the file stays', async () => {
    const target_path = node.newPath();
    writeFileSync(target_path, 'precious');
    const before = listing(dirname(target_path));
    await expectRefusal(
      node.node.NodePublishVolume({ ...staged, target_path, volume_capability }),
      'FAILED_PRECONDITION',
      target_path,
    );
    await expectRefusal(
      node.node.NodeUnpublishVolume({ ...staged, target_path }),
      'FAILED_PRECONDITION',
      target_path,
    );
    expect(listing(dirname(target_path))).toEqual(before);
  });

  test('is not removed if it is a directory with files, and the files stay', async () => {
    const target_path = node.newStaging();
    writeFileSync(join(target_path, 'file'), 'precious');
    const before = listing(target_path);
    await expectRefusal(
      node.node.NodeUnpublishVolume({ ...staged, target_path }),
      'FAILED_PRECONDITION',
      `target_path: "${target_path}" is not empty: it contains files that are not part of a mounted volume`,
    );
    expect(listing(target_path)).toEqual(before);
  });

  test('may be an existing empty directory, which is removed like any other', async () => {
    const paths = await node.createStaged('made already');
    mkdirSync(paths.target_path);
    await node.node.NodePublishVolume({ ...paths, volume_capability });
    await node.node.NodeUnpublishVolume(paths);
    expect(readdirSync(dirname(paths.target_path))).toEqual([]);
  });

  test('cannot be unpublished while a process uses it, and can afterwards', async () => {
    const paths = await node.createPublished('busy');
    const worker = await waitingProcess('cat', [], { cwd: paths.target_path });
    await expectRefusal(node.node.NodeUnpublishVolume(paths), 'FAILED_PRECONDITION', 'busy');
    expect(await mountsBelow(paths.target_path)).toEqual([paths.target_path]);
    await expectRefusal(node.controller.DeleteVolume(paths), 'FAILED_PRECONDITION', paths.target_path);
    await worker.end();
    await node.node.NodeUnpublishVolume(paths);
  });

  test('is refused if the volume is not staged, or staged elsewhere', async () => {
    const volume_id = await node.create('not staged');
    const target_path = node.newPath();
    for (const staging_target_path of [node.newStaging(), node.newPath(), staged.staging_target_path]) {
      const call = node.node.NodePublishVolume({
        volume_id,
        staging_target_path,
        target_path,
        volume_capability,
      });
      await expectRefusal(call, 'FAILED_PRECONDITION', 'staging_target_path');
    }
    expect(readdirSync(dirname(target_path))).toEqual([]);
  });
});

describe('a staging path', () => {
  test('is refused if it does not exist or is a file', async () => {
    const [absent, file] = [node.newPath(), node.newPath()];
    writeFileSync(file, '');
    for (const staging_target_path of [absent, file]) {
      const call = node.node.NodeStageVolume({ ...staged, staging_target_path, volume_capability });
      await expectRefusal(call, 'FAILED_PRECONDITION', 'staging_target_path');
    }
  });

  test('is refused if another volume is staged there, and that mount stays', async () => {
    const other = await node.createStaged('staged there');
    const paths = { volume_id: staged.volume_id, staging_target_path: other.staging_target_path };
    await expectRefusal(
      node.node.NodeStageVolume({ ...paths, volume_capability }),
      'FAILED_PRECONDITION',
      'staging_target_path',
    );
    await expectRefusal(node.node.NodeUnstageVolume(paths), 'FAILED_PRECONDITION', other.volume_id);
    expect(await mountsBelow(other.staging_target_path)).toEqual([other.staging_target_path]);
  });
});

describe('a volume', () => {
  test('for a single writer is published at one target, and can move when that is unpublished', async () => {
    const capability = mountCapability('SINGLE_NODE_SINGLE_WRITER');
    const paths = await node.createPublished('single writer', capability);
    const second = { ...paths, target_path: node.newPath(), volume_capability: capability };
    await expectRefusal(node.node.NodePublishVolume(second), 'FAILED_PRECONDITION', paths.target_path);
    expect(readdirSync(dirname(second.target_path))).toEqual([]);
    await node.node.NodeUnpublishVolume(paths);
    await node.node.NodePublishVolume(second);
  });

  test('cannot be deleted while mounted, and can afterwards', async () => {
    const paths = await node.createPublished('mounted');
    await expectRefusal(node.controller.DeleteVolume(paths), 'FAILED_PRECONDITION', paths.target_path);
    await node.node.NodeUnpublishVolume(paths);
    await expectRefusal(
      node.controller.DeleteVolume(paths),
      'FAILED_PRECONDITION',
      paths.staging_target_path,
    );
    await node.node.NodeUnstageVolume(paths);
    await node.controller.DeleteVolume(paths);
  });

  test('has no stats at a path where it is not mounted', async () => {
    const { volume_id } = staged;
    const other = await node.createPublished('elsewhere');
    for (const volume_path of [
      node.newPath(),
      node.newStaging(),
      other.target_path,
      'some/path',
      '/proc',
      '/dev/null',
    ]) {
      await expectRefusal(
        node.node.NodeGetVolumeStats({ volume_id, volume_path }),
        'NOT_FOUND',
        'volume_path',
      );
    }
  });
});
