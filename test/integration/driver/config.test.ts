import { existsSync, mkdirSync, rmSync, statfsSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { ConfigMapDirectory } from '../../support/config-map.ts';
import { mountedImage } from '../../support/disk-image.ts';
import { runDriver } from '../../support/driver-process.ts';
import { eventually } from '../../support/eventually.ts';
import { isHostRoot } from '../../support/host-root.ts';
import { expectRefusal } from '../../support/refusal.ts';
import { scratchDirectory } from '../../support/scratch.ts';
import { type TestNode, testNode } from '../../support/test-node.ts';

const MIB = 1024 ** 2;
const sized = (mebibytes: number, pool: string) => ({
  capacity_range: { required_bytes: mebibytes * MIB },
  parameters: { pool },
});

/** A running node with a configuration file; `$` in the text is the scratch directory of the node. */
async function nodeWith(text: string, flags: string[] = []) {
  const node = testNode();
  const inNode = (each: string) => each.replaceAll('$', node.directory);
  const config = new ConfigMapDirectory(join(node.directory, 'config'), inNode(text));
  const allFlags = [`--config=${config.path}`, ...flags];
  await node.start({ flags: allFlags });
  return {
    node,
    flags: allFlags,
    configPath: config.path,
    update: (to: string) => config.update(inNode(to)),
  };
}

async function roomIn(node: TestNode, pool: string): Promise<number> {
  return Number((await node.controller.GetCapacity({ parameters: { pool } })).available_capacity);
}

async function poolOf(node: TestNode, volume_id: string): Promise<string | undefined> {
  const { volume } = await node.controller.ControllerGetVolume({ volume_id });
  return volume?.volume_context?.['pool'];
}

const countOf = (node: TestNode, message: string) => node.log().split(`"msg":"${message}"`).length - 1;
const applied = (node: TestNode, count: number) =>
  eventually(() => expect(countOf(node, 'configuration applied')).toBe(count));

async function storageReasons(node: TestNode): Promise<string[]> {
  const { backend_health } = await node.node.NodeGetStorageHealth({});
  return backend_health.map(({ reason }) => reason);
}

describe('the pools of a configuration file', () => {
  test('are used like those of flags, within their capacity, also after a restart', async () => {
    const { node, flags } = await nodeWith(
      'pools: [{name: fast, path: $/fast, capacity: 10Mi}, {name: bulk, path: $/bulk}]',
    );
    expect(await roomIn(node, 'fast')).toBe(10 * MIB);
    const volume_id = await node.create('a', sized(8, 'fast'));
    expect(existsSync(join(node.directory, 'fast', 'volumes', volume_id))).toBe(true);
    await expectRefusal(node.create('b', sized(3, 'fast')), 'RESOURCE_EXHAUSTED', 'pool "fast"');
    await node.restart({ flags });
    expect(await roomIn(node, 'fast')).toBe(2 * MIB);
    expect(await node.create('a', sized(8, 'fast'))).toBe(volume_id);
  });

  test('keep their reserve free', async () => {
    const { node } = await nodeWith(
      'pools: [{name: all, path: $/all}, {name: most, path: $/most, reserve: 99.99%}]',
    );
    const { blocks, bsize } = statfsSync(join(node.directory, 'all'));
    expect(await roomIn(node, 'most')).toBeLessThanOrEqual((blocks * bsize) / 10_000);
    await expectRefusal(
      node.create('a', sized((blocks * bsize) / 5000 / MIB, 'most')),
      'RESOURCE_EXHAUSTED',
      'pool "most"',
    );
  });

  test.each([
    [['--capacity=fast=1Gi'], 'pools[0].name: "fast" is also in --capacity=fast'],
    [['--pool=fast=/nowhere'], 'pools[0].name: "fast" is the name of another pool, --pool=fast=/nowhere'],
    [['--nodeid=edge-1'], 'pools[1].name: "fast" is also the name of pools[0]'],
  ])('end the start with code 2 and a sentence for each problem: %j', async (flags, problem) => {
    const directory = scratchDirectory();
    const path = join(directory, 'config.yaml');
    writeFileSync(
      path,
      `pools: [{name: fast, path: ${directory}/a}, {name: fast, path: ${directory}/b, nodes: [edge-*]}]`,
    );
    const base = [`--statedir=${directory}/state`, `--endpoint=${directory}/s`, '--nodeid=node-1'];
    const run = await runDriver([...base, `--config=${path}`, ...flags]);
    expect(run).toMatchObject({ code: 2, stdout: '' });
    const sentences = run.stderr.trimEnd().split('\n');
    expect(sentences.every((sentence) => sentence.startsWith(`${path}: `))).toBe(true);
    expect(run.stderr).toContain(`${path}: ${problem}`);
    expect(existsSync(join(directory, 'state'))).toBe(false);
  });

  test.each<[string, (path: string) => void, string]>([
    ['is missing', () => {}, 'cannot be read: ENOENT'],
    ['is a directory', (path) => mkdirSync(path), 'cannot be read: it is not a regular file'],
    ['is a link to itself', (path) => symlinkSync(path, path), 'cannot be read: ELOOP'],
    [
      'has errors',
      (path) => writeFileSync(path, 'pools: [{name: A, path: b}]'),
      'pools[0].path: "b" must be',
    ],
  ])('are not used if the file %s', async (_, make, problem) => {
    const directory = scratchDirectory();
    const path = join(directory, 'config.yaml');
    make(path);
    const node = testNode();
    await expect(node.start({ flags: [`--config=${path}`] })).rejects.toThrow(`${path}: ${problem}`);
    expect(existsSync(node.pool)).toBe(false);
  });
});

describe('a change of the configuration file', () => {
  test('of capacity and reserve takes effect while the driver runs', async () => {
    const { node, update } = await nodeWith('pools: [{name: fast, path: $/fast, capacity: 10Mi}]');
    const volume_id = await node.create('a', sized(8, 'fast'));
    update('pools: [{name: fast, path: $/fast, capacity: 20Mi}]');
    await eventually(async () => expect(await roomIn(node, 'fast')).toBe(12 * MIB));
    update('pools: [{name: fast, path: $/fast, capacity: 5Mi}]');
    await eventually(async () => expect(await roomIn(node, 'fast')).toBe(0));
    await expectRefusal(node.create('b', sized(1, 'fast')), 'RESOURCE_EXHAUSTED', 'room for 0 bytes');
    const expansion = { volume_id, capacity_range: { required_bytes: 9 * MIB } };
    await expectRefusal(node.controller.ControllerExpandVolume(expansion), 'OUT_OF_RANGE', 'pool "fast"');
    update('pools: [{name: fast, path: $/fast}]');
    await eventually(async () => expect(await roomIn(node, 'fast')).toBeGreaterThan(20 * MIB));
    const { blocks, bsize } = statfsSync(join(node.directory, 'fast'));
    update('pools: [{name: fast, path: $/fast, reserve: 99.99%}]');
    await eventually(async () =>
      expect(await roomIn(node, 'fast')).toBeLessThanOrEqual((blocks * bsize) / 10_000),
    );
    expect(await poolOf(node, volume_id)).toBe('fast');
    expect(await storageReasons(node)).not.toContain('ConfigurationRefused');
  });

  test('opens a new pool', async () => {
    const { node, flags, update } = await nodeWith('pools: []');
    await expectRefusal(node.create('a', sized(1, 'new')), 'INVALID_ARGUMENT', '"new" is an unknown pool');
    update('pools: [{name: new, path: $/new, capacity: 4Mi}]');
    await applied(node, 1);
    const paths = await node.createPublished('a', undefined, sized(1, 'new'));
    expect(existsSync(join(node.directory, 'new', 'volumes', paths.volume_id))).toBe(true);
    writeFileSync(join(paths.target_path, 'file'), 'content');
    expect(await roomIn(node, 'new')).toBe(3 * MIB);
    await expectRefusal(
      node.node.NodePublishVolume({
        ...paths,
        target_path: join(node.directory, 'new', 'x'),
        volume_capability: { mount: {}, access_mode: { mode: 'SINGLE_NODE_WRITER' } },
      }),
      'INVALID_ARGUMENT',
      'pool',
    );
    await node.restart({ flags });
    expect(await node.create('a', sized(1, 'new'))).toBe(paths.volume_id);
    await node.node.NodeUnpublishVolume(paths);
    await node.node.NodeUnstageVolume(paths);
    await node.controller.DeleteVolume(paths);
    expect(await roomIn(node, 'new')).toBe(4 * MIB);
  });

  test('that is invalid changes nothing, is reported, and is forgotten once it is corrected', async () => {
    const { node, configPath, update } = await nodeWith(
      'pools: [{name: fast, path: $/fast, capacity: 10Mi}]',
    );
    update('pools: [{name: fast, path: $/fast, capacity: 20Mi, size: 1}, {name: new, path: $/new}]');
    await eventually(async () => expect(await storageReasons(node)).toContain('ConfigurationRefused'));
    expect(await roomIn(node, 'fast')).toBe(10 * MIB);
    await expectRefusal(node.create('a', sized(1, 'new')), 'INVALID_ARGUMENT', 'unknown pool');
    expect(existsSync(join(node.directory, 'new'))).toBe(false);
    expect(countOf(node, 'configuration refused; the last valid one stays in force')).toBe(1);
    expect(node.log()).toContain(
      JSON.stringify(
        `${configPath}: pools[0]: unknown key "size"; expected one of name, path, capacity`,
      ).slice(1, -1),
    );
    update('pools: [{name: fast, path: $/fast, capacity: 20Mi}]');
    await eventually(async () => expect(await roomIn(node, 'fast')).toBe(20 * MIB));
    await eventually(async () => expect(await storageReasons(node)).not.toContain('ConfigurationRefused'));
  });

  test('to a new pool that overlaps an existing one changes nothing at all', async () => {
    const { node, update } = await nodeWith('pools: [{name: fast, path: $/fast, capacity: 10Mi}]');
    symlinkSync(join(node.directory, 'fast'), join(node.directory, 'link'));
    update('pools: [{name: fast, path: $/fast, capacity: 20Mi}, {name: other, path: $/link/x}]');
    await eventually(async () => expect(await storageReasons(node)).toContain('ConfigurationRefused'));
    expect(node.log()).toContain('is inside pool \\"fast\\"');
    expect(await roomIn(node, 'fast')).toBe(10 * MIB);
    await expectRefusal(node.create('a', sized(1, 'other')), 'INVALID_ARGUMENT', 'unknown pool');
    update('pools: [{name: fast, path: $/fast, capacity: 10Mi}]');
    await eventually(async () => expect(await storageReasons(node)).not.toContain('ConfigurationRefused'));
  });

  test('to a pool that cannot be opened leaves the others alone', async () => {
    const { node, update } = await nodeWith('pools: [{name: fast, path: $/fast}]');
    mkdirSync(join(node.directory, 'home'));
    writeFileSync(join(node.directory, 'home', 'thesis'), 'precious');
    update('pools: [{name: fast, path: $/fast}, {name: home, path: $/home}]');
    await applied(node, 1);
    await expectRefusal(node.create('a', sized(1, 'home')), 'UNAVAILABLE', 'thesis');
    expect(await storageReasons(node)).toContain('PoolUnreachable');
    expect(await poolOf(node, await node.create('b', sized(1, 'fast')))).toBe('fast');
  });

  test('keeps a pool that is no longer listed, or has another path, until the next start', async () => {
    const text =
      'pools: [{name: fast, path: $/fast, capacity: 10Mi}, {name: bulk, path: $/bulk, capacity: 10Mi}]';
    const { node, flags, update } = await nodeWith(text);
    const volume_id = await node.create('a', sized(1, 'fast'));
    update('pools: [{name: bulk, path: $/other, capacity: 20Mi}, {name: fast, path: $/x, nodes: [edge-1]}]');
    await applied(node, 1);
    expect(countOf(node, 'pool no longer configured; kept until the next start')).toBe(1);
    expect(countOf(node, 'pool configured with another path; kept as it is until the next start')).toBe(1);
    expect(await node.create('a', sized(1, 'fast'))).toBe(volume_id);
    expect(await roomIn(node, 'fast')).toBe(9 * MIB);
    expect(await roomIn(node, 'bulk')).toBe(10 * MIB);
    expect(existsSync(join(node.directory, 'other'))).toBe(false);
    await node.stop();
    update('pools: [{name: bulk, path: $/bulk}]');
    await node.start({ flags });
    await expectRefusal(node.create('b', sized(1, 'fast')), 'INVALID_ARGUMENT', 'unknown pool');
  });

  test('to none at all is refused until the file returns', async () => {
    const { node, configPath, update } = await nodeWith(
      'pools: [{name: fast, path: $/fast, capacity: 10Mi}]',
    );
    rmSync(configPath);
    await eventually(async () => expect(await storageReasons(node)).toContain('ConfigurationRefused'));
    expect(node.log()).toContain(`${configPath}: cannot be read: ENOENT`);
    expect(await roomIn(node, 'fast')).toBe(10 * MIB);
    update('pools: [{name: fast, path: $/fast, capacity: 20Mi}]');
    symlinkSync(join('..data', 'config.yaml'), configPath);
    await eventually(async () => expect(await roomIn(node, 'fast')).toBe(20 * MIB));
    await eventually(async () => expect(await storageReasons(node)).not.toContain('ConfigurationRefused'));
  });
});

describe('the pools of one node', () => {
  const text = `pools:
- {name: edge, path: $/edge, capacity: 10Mi, nodes: ["edge-*"]}
- {name: core, path: $/core, capacity: 20Mi, nodes: ["node-*"]}
- {name: bulk, path: $/bulk, capacity: 15Mi}
`;

  test('are those whose nodes match; the CO is asked to try other nodes for the rest', async () => {
    const { node } = await nodeWith(text);
    expect(await roomIn(node, 'core')).toBe(20 * MIB);
    expect(existsSync(join(node.directory, 'edge'))).toBe(false);
    const message = 'parameters.pool: "edge" is not on this node, only on others';
    await expectRefusal(node.create('a', sized(1, 'edge')), 'RESOURCE_EXHAUSTED', message);
    expect(await roomIn(node, 'edge')).toBe(0);
    await expectRefusal(node.create('a', sized(1, 'slow')), 'INVALID_ARGUMENT', '"slow" is an unknown pool');
    expect(await poolOf(node, await node.create('a', sized(1, 'edge,bulk')))).toBe('bulk');
  });

  test('may change while the driver runs', async () => {
    const { node, update } = await nodeWith(text);
    update(text.replace('edge-*', '*-1'));
    await eventually(async () => expect(await roomIn(node, 'edge')).toBe(10 * MIB));
    expect(await poolOf(node, await node.create('a', sized(1, 'edge')))).toBe('edge');
  });

  test('a list of them goes to the roomiest, and a retry finds its volume', async () => {
    const { node, flags } = await nodeWith(text);
    const list = 'core, bulk';
    expect(await roomIn(node, list)).toBe(20 * MIB);
    const first = await node.create('a', sized(12, list));
    expect(await poolOf(node, first)).toBe('core');
    expect(await roomIn(node, list)).toBe(15 * MIB);
    expect(await node.create('a', sized(12, list))).toBe(first);
    const second = await node.create('b', sized(12, list));
    expect(await poolOf(node, second)).toBe('bulk');
    await node.restart({ flags });
    expect(await node.create('a', sized(12, list))).toBe(first);
    expect(await node.create('b', sized(12, list))).toBe(second);
    await expectRefusal(node.create('c', sized(12, list)), 'RESOURCE_EXHAUSTED');
    const clone = { volume_content_source: { volume: { volume_id: second } } };
    await expectRefusal(node.create('d', { ...sized(12, 'bulk'), ...clone }), 'RESOURCE_EXHAUSTED', 'bulk');
    await node.controller.DeleteVolume({ volume_id: first });
    expect(await poolOf(node, await node.create('e', { ...sized(12, list), ...clone }))).toBe('core');
  });
});

describe('a pool on a disk of the node', () => {
  const warning = 'pool shares its disk with the node; if it is full, pods are evicted';

  test.runIf(isHostRoot)('is logged as a warning, and a pool on a disk of its own is not', async () => {
    const disk = mountedImage({ mkfs: ['mkfs.ext4', '-q'], sizeBytes: 64 * MIB });
    const node = testNode();
    const flags = [`--kubelet-dir=${node.directory}`, `--pool=own=${join(disk, 'pool')}`];
    await node.start({ flags });
    await eventually(() => expect(countOf(node, warning)).toBe(1));
    const line =
      node
        .log()
        .split('\n')
        .find((each) => each.includes(warning)) ?? '{}';
    expect(JSON.parse(line)).toMatchObject({ level: 40, pool: 'default', path: node.pool });
    expect(node.log()).not.toMatch(new RegExp(`"pool":"own"[^\\n]*${warning}`));
  });
});
