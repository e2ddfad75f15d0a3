import { execFileSync } from 'node:child_process';
import {
  cpSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, test } from 'vitest';
import { runDriver, type TestDriver } from '../../support/driver-process.ts';
import { eventually } from '../../support/eventually.ts';
import { listing } from '../../support/listing.ts';
import { expectRefusal } from '../../support/refusal.ts';
import { createRequest, mountCapability } from '../../support/requests.ts';
import { mountsBelow, scratchDirectory } from '../../support/scratch.ts';
import { startedNode, TestNode, testNode } from '../../support/test-node.ts';

const volume_capability = mountCapability();

/** The lines of a driver's log with this message. */
function linesOf(driver: TestDriver, message: string): Record<string, unknown>[] {
  const lines = driver
    .log()
    .split('\n')
    .filter((line) => line !== '');
  return lines.map((line) => JSON.parse(line)).filter(({ msg }) => msg === message);
}

describe('on a driver with additional pools', () => {
  const names = ['default', 'fast', 'slow'] as const;
  let node: TestNode;
  let driver: TestDriver;
  let flags: string[];

  const pathOf = (pool: string) => (pool === 'default' ? node.pool : join(node.directory, pool));
  const inPool = (pool: string) => ({ parameters: { pool } });

  beforeAll(async () => {
    node = new TestNode();
    flags = names.slice(1).map((name) => `--pool=${name}=${pathOf(name)}`);
    driver = await node.start({ flags });
    return () => node.dispose();
  });

  test.each(names)('the log of the start has one line with the features of the pool %s', (pool) => {
    const lines = linesOf(driver, 'pool ready').filter((line) => line['pool'] === pool);
    expect(lines).toEqual([
      expect.objectContaining({
        id: expect.stringMatching(/^[0-9a-f]{8}$/),
        path: pathOf(pool),
        fileSystem: expect.any(String),
        directories: expect.stringMatching(/^(directory|quota|subvolume)$/),
        capacityEnforced: expect.any(Boolean),
        images: expect.any(Array),
        reflink: expect.any(Boolean),
        volumes: 0,
        damaged: 0,
      }),
    ]);
  });

  test.each(names)('a volume of the pool %s can be used, and is stored in that pool alone', async (pool) => {
    const paths = await node.createPublished(`life in ${pool}`, volume_capability, inPool(pool));
    const { volume_id, target_path } = paths;
    const { controller, node: nodeService } = node;
    const { volume } = await controller.ControllerGetVolume({ volume_id });
    expect(volume?.volume_context).toMatchObject({ pool });
    for (const name of names) {
      expect(existsSync(join(pathOf(name), 'volumes', volume_id)), name).toBe(name === pool);
    }
    writeFileSync(join(target_path, 'file'), 'content');
    expect(readFileSync(join(pathOf(pool), 'volumes', volume_id, 'data', 'file'), 'utf8')).toBe('content');
    const { usage = [] } = await nodeService.NodeGetVolumeStats({ volume_id, volume_path: target_path });
    expect(usage).not.toEqual([]);
    const { confirmed } = await controller.ValidateVolumeCapabilities({
      volume_id,
      volume_capabilities: [volume_capability],
      ...inPool(pool),
    });
    expect(confirmed).not.toBeNull();
    const capacity_range = { required_bytes: 2 * 1024 ** 2 };
    await controller.ControllerExpandVolume({ volume_id, capacity_range });
    await nodeService.NodeExpandVolume({ volume_id, volume_path: target_path, capacity_range });
    await expectRefusal(controller.DeleteVolume({ volume_id }), 'FAILED_PRECONDITION', target_path);
    await nodeService.NodeUnpublishVolume(paths);
    await nodeService.NodeUnstageVolume(paths);
    await controller.DeleteVolume({ volume_id });
    expect(existsSync(join(pathOf(pool), 'volumes', volume_id))).toBe(false);
    await expectRefusal(controller.ControllerGetVolume({ volume_id }), 'NOT_FOUND', volume_id);
  });

  test.each(names)('no mount path is inside or above the pool %s', async (pool) => {
    const staged = await node.createStaged(`beside ${pool}`);
    const { node: nodeService } = node;
    const path = pathOf(pool);
    // What other tests have deleted is removed in the background.
    await eventually(() => expect(listing(join(path, '.outgoing'))).toEqual([]));
    const before = listing(path);
    for (const bad of [path, join(path, 'volumes'), join(path, 'new'), `${path}/x/../y`, '/']) {
      const [at, to] = [
        { ...staged, staging_target_path: bad },
        { ...staged, target_path: bad },
      ];
      const calls = [
        () => nodeService.NodeStageVolume({ ...at, volume_capability }),
        () => nodeService.NodeUnstageVolume(at),
        () => nodeService.NodePublishVolume({ ...to, volume_capability }),
        () => nodeService.NodeUnpublishVolume(to),
      ];
      for (const call of calls) await expectRefusal(call(), 'INVALID_ARGUMENT', 'pool');
    }
    expect(listing(path)).toEqual(before);
  });

  test('kind is an alias of pool', async () => {
    const volume_id = await node.create('kind', { parameters: { kind: 'fast' } });
    for (const parameters of [{ pool: 'fast' }, { pool: 'fast', kind: 'fast' }]) {
      expect(await node.create('kind', { parameters })).toBe(volume_id);
    }
    expect(existsSync(join(pathOf('fast'), 'volumes', volume_id))).toBe(true);
    const contradiction = node.create('two', { parameters: { pool: 'fast', kind: 'slow' } });
    await expectRefusal(contradiction, 'INVALID_ARGUMENT', 'kind');
  });

  test.each(['pool', 'kind'])('an unknown %s is refused with the existing ones', async (key) => {
    const call = node.create('nowhere', { parameters: { [key]: 'nowhere' } });
    await expectRefusal(call, 'INVALID_ARGUMENT', names.join(', '));
  });

  test('a volume that is requested again in another pool is refused, and found in its own or without a pool', async () => {
    const volume_id = await node.create('somewhere', inPool('slow'));
    await expectRefusal(node.create('somewhere', inPool('fast')), 'ALREADY_EXISTS', 'slow');
    await expectRefusal(node.create('somewhere', inPool('default')), 'ALREADY_EXISTS', 'slow');
    expect(await node.create('somewhere', inPool('slow'))).toBe(volume_id);
    expect(await node.create('somewhere')).toBe(volume_id);
    const validated = await node.controller.ValidateVolumeCapabilities({
      volume_id,
      volume_capabilities: [volume_capability],
      ...inPool('fast'),
    });
    expect(validated).toMatchObject({ confirmed: null, message: expect.stringContaining('slow') });
  });

  test('the volumes of all pools are listed, and still there after a restart', async () => {
    const ids = await Promise.all(names.map((pool) => node.create(`listed in ${pool}`, inPool(pool))));
    const entries = async () => (await node.controller.ListVolumes({})).entries ?? [];
    const before = await entries();
    const poolsOf = new Map(
      before.map(({ volume }) => [volume?.volume_id, volume?.volume_context?.['pool']]),
    );
    expect(ids.map((id) => poolsOf.get(id))).toEqual(names);
    await node.restart({ flags });
    expect(await entries()).toEqual(before);
    for (const [index, pool] of names.entries()) {
      expect(await node.create(`listed in ${pool}`, inPool(pool))).toBe(ids[index]);
    }
  });
});

describe('an invalid pool ends the start with code 2 and one sentence', () => {
  interface Mistake {
    /** Creates the error. @returns the pools, by name */
    readonly make: (directory: string, stateDir: string) => Record<string, string>;
    readonly says: string;
  }
  const withPool = (path: string) => {
    mkdirSync(path);
    return path;
  };
  const mistakes: Record<string, Mistake> = {
    'two pools at one path': {
      make: (directory) => ({ one: join(directory, 'x'), two: join(directory, 'x') }),
      says: 'is the same directory as pool "one"',
    },
    'one pool inside another': {
      make: (directory) => ({ one: join(directory, 'x'), two: join(directory, 'x', 'y') }),
      says: 'is inside pool "one"',
    },
    'a pool in the state directory': {
      make: (_, stateDir) => ({ one: join(stateDir, 'one') }),
      says: 'is inside the state directory',
    },
    'a pool above the state directory': {
      make: (directory) => ({ one: directory }),
      says: 'contains the state directory',
    },
    'a symbolic link to the state directory': {
      make(directory, stateDir) {
        symlinkSync(withPool(stateDir), join(directory, 'link'));
        return { one: join(directory, 'link') };
      },
      says: 'is the same directory as pool "default"',
    },
    'a symbolic link into another pool': {
      make(directory) {
        symlinkSync(withPool(join(directory, 'x')), join(directory, 'link'));
        return { one: join(directory, 'x'), two: join(directory, 'link', 'y') };
      },
      says: 'is inside pool "one"',
    },
    'a bind mount of another pool': {
      make(directory) {
        const [one, two] = [withPool(join(directory, 'x')), withPool(join(directory, 'y'))];
        execFileSync('mount', ['--bind', one, two]);
        return { one, two };
      },
      says: 'is the same directory as pool "one"',
    },
    'a bind mount of a directory in another pool': {
      make(directory) {
        const one = withPool(join(directory, 'x'));
        const two = withPool(join(directory, 'y'));
        execFileSync('mount', ['--bind', withPool(join(one, 'inside')), two]);
        return { one, two };
      },
      says: 'is inside pool "one"',
    },
    'a file': {
      make(directory) {
        writeFileSync(join(directory, 'file'), 'precious');
        return { one: join(directory, 'file') };
      },
      says: 'file is not a directory',
    },
    'a path below a file': {
      make(directory) {
        writeFileSync(join(directory, 'file'), 'precious');
        return { one: join(directory, 'file', 'below') };
      },
      says: 'below is not a directory',
    },
    'a symbolic link to nothing': {
      make(directory) {
        symlinkSync('nowhere', join(directory, 'link'));
        return { one: join(directory, 'link') };
      },
      says: 'link is not a directory',
    },
    'a directory with other files': {
      make(directory) {
        const one = withPool(join(directory, 'home'));
        writeFileSync(join(one, 'thesis'), 'precious');
        return { one };
      },
      says: 'thesis',
    },
  };

  test.each(Object.entries(mistakes))('%s, and nothing is changed', async (_, { make, says }) => {
    const directory = scratchDirectory();
    const stateDir = join(directory, 'state');
    const pools = make(directory, stateDir);
    const before = listing(directory, ['state']);
    const flags = Object.entries(pools).map(([name, path]) => `--pool=${name}=${path}`);
    const run = await runDriver([
      `--statedir=${stateDir}`,
      `--endpoint=${directory}/s`,
      '--nodeid=node-1',
      ...flags,
    ]);
    expect(run).toMatchObject({ code: 2, stdout: '', stderr: expect.stringContaining(says) });
    expect(run.stderr).not.toContain('    at ');
    const sentences = run.stderr
      .trimEnd()
      .split('\n')
      .filter((line) => !line.includes('--help') && !line.startsWith('{'));
    expect(sentences, run.stderr).toHaveLength(1);
    expect(listing(directory, ['state'])).toEqual(before);
  });

  test('a copy of another pool, and both stay unchanged', async () => {
    const node = testNode();
    const [one, copy] = [join(node.directory, 'one'), join(node.directory, 'copy')];
    await node.start({ flags: [`--pool=one=${one}`] });
    await node.create('copied', { parameters: { pool: 'one' } });
    await node.stop();
    cpSync(one, copy, { recursive: true });
    const before = listing(node.directory);
    const flags = [`--pool=one=${one}`, `--pool=two=${copy}`];
    const run = await runDriver([
      `--statedir=${node.pool}`,
      `--endpoint=${node.socket}`,
      '--nodeid=node-1',
      ...flags,
    ]);
    expect(run).toMatchObject({ code: 2, stderr: expect.stringContaining('one is a copy of the other') });
    expect(listing(node.directory)).toEqual(before);
  });
});

describe('a pool', () => {
  test('can be reached through a symbolic link', async () => {
    const node = testNode();
    const [real, link] = [join(node.directory, 'real'), join(node.directory, 'link')];
    mkdirSync(real);
    symlinkSync(real, link);
    const flags = [`--pool=linked=${link}`];
    await node.start({ flags });
    const inPool = { parameters: { pool: 'linked' } };
    const paths = await node.createPublished('through a link', volume_capability, inPool);
    expect(readdirSync(join(real, 'volumes'))).toEqual([paths.volume_id]);
    await node.restart({ flags });
    await expectRefusal(node.controller.DeleteVolume(paths), 'FAILED_PRECONDITION', paths.target_path);
    const inside = { ...paths, target_path: join(real, 'x'), volume_capability };
    await expectRefusal(node.node.NodePublishVolume(inside), 'INVALID_ARGUMENT', 'pool');
    await node.node.NodeUnpublishVolume(paths);
    await node.node.NodeUnstageVolume(paths);
    await node.controller.DeleteVolume(paths);
    expect(await mountsBelow(node.directory)).toEqual([]);
  });

  test('that is renamed keeps its volumes, which report the new name', async () => {
    const node = testNode();
    const path = join(node.directory, 'pool-x');
    await node.start({ flags: [`--pool=before=${path}`] });
    const volume_id = await node.create('renamed', { parameters: { pool: 'before' } });
    await node.restart({ flags: [`--pool=after=${path}`] });
    const { volume } = await node.controller.ControllerGetVolume({ volume_id });
    expect(volume?.volume_context).toMatchObject({ pool: 'after' });
    expect(await node.create('renamed', { parameters: { pool: 'after' } })).toBe(volume_id);
    await expectRefusal(
      node.create('new', { parameters: { pool: 'before' } }),
      'INVALID_ARGUMENT',
      'default, after',
    );
  });

  test('that is no longer configured keeps its volumes, which are not reported as deleted', async () => {
    const node = testNode();
    const path = join(node.directory, 'other');
    await node.start({ flags: [`--pool=other=${path}`] });
    const volume_id = await node.create('waits', { parameters: { pool: 'other' } });
    await node.restart();
    expect((await node.controller.ListVolumes({})).entries).toEqual([]);
    await expectRefusal(node.controller.DeleteVolume({ volume_id }), 'FAILED_PRECONDITION', volume_id);
    await node.restart({ flags: [`--pool=other=${path}`] });
    expect(await node.create('waits')).toBe(volume_id);
  });

  test('that another driver holds ends the start, and that driver keeps serving', async () => {
    const node = testNode();
    const path = join(node.directory, 'shared');
    await node.start({ flags: [`--pool=shared=${path}`] });
    const second = scratchDirectory();
    const run = await runDriver([
      `--statedir=${second}/state`,
      `--endpoint=${second}/s`,
      '--nodeid=node-2',
      `--pool=mine=${path}`,
      '--lock-timeout=0s',
    ]);
    expect(run).toMatchObject({
      code: 1,
      stderr: expect.stringContaining(join(path, '.csi-hostpath', 'lock')),
    });
    expect(existsSync(join(second, 's'))).toBe(false);
    await node.create('serves on', { parameters: { pool: 'shared' } });
  });

  test('that does not exist yet is created with its parent directories, for the driver alone', async () => {
    const node = testNode();
    const path = join(node.directory, 'some', 'where', 'new');
    await node.start({ flags: [`--pool=new=${path}`] });
    await node.create('first', { parameters: { pool: 'new' } });
    expect(listing(path).filter((line) => line.startsWith('d 755'))).toEqual([]);
    expect(readdirSync(join(path, 'volumes'))).toHaveLength(1);
  });

  test('with a damaged volume does not affect the other pools', async () => {
    const node = await startedNode();
    const flags = [`--pool=other=${join(node.directory, 'other')}`];
    await node.restart({ flags });
    const inPool = { parameters: { pool: 'other' } };
    const volume_id = await node.create('damaged', inPool);
    await node.stop();
    writeFileSync(join(node.directory, 'other', 'volumes', volume_id, 'volume.json'), '');
    const driver = await node.start({ flags });
    expect(
      linesOf(driver, 'pool ready').map(({ pool, volumes, damaged }) => ({ pool, volumes, damaged })),
    ).toEqual([
      { pool: 'default', volumes: 0, damaged: 0 },
      { pool: 'other', volumes: 0, damaged: 1 },
    ]);
    await expectRefusal(
      node.controller.CreateVolume(createRequest('damaged', inPool)),
      'INTERNAL',
      volume_id,
    );
    await node.create('healthy', inPool);
  });
});
