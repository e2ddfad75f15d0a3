import { execFileSync } from 'node:child_process';
import {
  chmodSync,
  chownSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { describe, expect, onTestFinished, test } from 'vitest';
import { runDriver } from '../../support/driver-process.ts';
import { isHostRoot } from '../../support/host-root.ts';
import { expectRefusal } from '../../support/refusal.ts';
import { createRequest } from '../../support/requests.ts';
import { startedNode, type TestNode, testNode } from '../../support/test-node.ts';

const inPool = { parameters: { pool: 'other' } };

/** A stopped node that has used an additional pool at `path`. */
async function nodeWithUsedPool(path?: string) {
  const node = testNode();
  const other = path ?? join(node.directory, 'other');
  const flags = [`--pool=other=${other}`];
  await node.start({ flags });
  const volume_id = await node.create('stays', inPool);
  await node.stop();
  return { node, other, flags, volume_id };
}

async function expectOnlyDefault(node: TestNode, volume_id: string, says: string): Promise<void> {
  await node.create('in the default pool');
  for (const call of [
    () => node.controller.CreateVolume(createRequest('new', inPool)),
    () => node.controller.DeleteVolume({ volume_id }),
    () => node.controller.ControllerGetVolume({ volume_id }),
  ]) {
    await expectRefusal(call(), 'UNAVAILABLE', 'pool "other"');
    await expectRefusal(call(), 'UNAVAILABLE', says);
  }
}

describe('a broken additional pool does not stop the start, and is served again without a restart,', () => {
  test.each([
    {
      name: 'as a file',
      says: 'not a directory',
      break: (path: string) => writeFileSync(path, ''),
      mend: (path: string) => rmSync(path),
    },
    {
      name: 'as a path below a file',
      says: 'not a directory',
      break(path: string) {
        mkdirSync(path);
        writeFileSync(join(path, '.csi-hostpath'), '');
      },
      mend: (path: string) => rmSync(path, { recursive: true }),
    },
    {
      name: 'as a directory with other files',
      says: 'no marker',
      break(path: string) {
        mkdirSync(path);
        writeFileSync(join(path, 'thesis'), 'precious');
      },
      mend: (path: string) => rmSync(path, { recursive: true }),
    },
    ...(isHostRoot
      ? [
          {
            name: 'as a directory of another user',
            says: 'is owned by user 1000',
            break(path: string) {
              mkdirSync(path);
              chownSync(path, 1000, 1000);
            },
            mend: (path: string) => rmSync(path, { recursive: true }),
          },
        ]
      : []),
  ])('$name', async ({ says, break: breakIt, mend }) => {
    const { node, other, flags, volume_id } = await nodeWithUsedPool();
    renameSync(other, `${other}.away`);
    breakIt(other);
    await node.start({ flags });
    await expectOnlyDefault(node, volume_id, says);
    mend(other);
    renameSync(`${other}.away`, other);
    await node.controller.DeleteVolume({ volume_id });
    await node.create('new', inPool);
  });

  test('without its volumes/, which is not recreated', async () => {
    const { node, other, flags, volume_id } = await nodeWithUsedPool();
    const volumes = join(other, 'volumes');
    renameSync(volumes, `${volumes}.away`);
    await node.start({ flags });
    await expectOnlyDefault(node, volume_id, `${volumes} is missing`);
    expect(existsSync(volumes)).toBe(false);
    renameSync(`${volumes}.away`, volumes);
    await node.controller.DeleteVolume({ volume_id });
  });

  test.skipIf(!isHostRoot)('on a damaged file system', async () => {
    const directory = testNode().directory;
    const [image, disk] = [join(directory, 'image'), join(directory, 'disk')];
    mkdirSync(disk);
    writeFileSync(image, '');
    truncateSync(image, 32 * 1024 ** 2);
    execFileSync('mkfs.ext4', ['-q', image]);
    const mount = () => execFileSync('mount', ['-o', 'loop', image, disk]);
    const unmount = () => execFileSync('umount', [disk]);
    mount();
    const { node, flags, volume_id } = await nodeWithUsedPool(join(disk, 'pool'));
    unmount();
    execFileSync('cp', [image, `${image}.sound`]);
    execFileSync('debugfs', ['-w', '-R', 'clri /pool/.csi-hostpath', image], { stdio: 'ignore' });
    mount();
    await node.start({ flags });
    await expectOnlyDefault(node, volume_id, 'its file system is damaged');
    unmount();
    execFileSync('cp', [`${image}.sound`, image]);
    mount();
    onTestFinished(() => node.dispose());
    await node.controller.DeleteVolume({ volume_id });
  });
});

describe.skipIf(!isHostRoot)('a state directory is refused', () => {
  test.each([
    ['that belongs to another user', (path: string) => chownSync(path, 1000, 1000), 'is owned by user 1000'],
    ['that every user can write', (path: string) => chmodSync(path, 0o777), 'is world-writable'],
  ])('%s', async (_, change, says) => {
    const node = testNode();
    mkdirSync(node.pool);
    change(node.pool);
    const flags = [`--statedir=${node.pool}`, `--endpoint=${node.socket}`, '--nodeid=node-1'];
    expect(await runDriver(flags)).toMatchObject({ code: 2, stderr: expect.stringContaining(says) });
    expect(readdirSync(node.pool)).toEqual([]);
  });
});

test('no delete is acknowledged while volumes/ is moved away from a running driver', async () => {
  const node = await startedNode();
  const volume_id = await node.create('stays');
  const volumes = join(node.pool, 'volumes');
  renameSync(volumes, `${volumes}.away`);
  for (let time = 0; time < 2; time++) {
    await expectRefusal(node.controller.DeleteVolume({ volume_id }), 'UNAVAILABLE', `${volumes} is missing`);
  }
  expect(existsSync(volumes)).toBe(false);
  renameSync(`${volumes}.away`, volumes);
  await node.controller.DeleteVolume({ volume_id });
  expect(readdirSync(volumes)).toEqual([]);
});

describe('a state directory whose disk is not mounted is not recreated', () => {
  const flagsOf = (node: TestNode, ...more: string[]) => [
    `--statedir=${node.pool}`,
    `--endpoint=${node.socket}`,
    '--nodeid=node-1',
    ...more,
  ];

  test('with --statedir-marker, which the first start does not need', async () => {
    const node = testNode();
    const marker = join(node.directory, 'elsewhere', 'marker.json');
    const flags = [`--statedir-marker=${marker}`];
    await node.start({ flags });
    const volume_id = await node.create('stays');
    await node.restart({ flags });
    await node.stop();
    renameSync(node.pool, `${node.pool}.away`);
    for (const isThere of [false, true]) {
      if (isThere) mkdirSync(node.pool);
      const run = await runDriver(flagsOf(node, ...flags));
      expect(run).toMatchObject({ code: 1, stderr: expect.stringContaining('is its disk mounted?') });
      expect(run.stderr).toContain(`remove ${marker}`);
      expect(existsSync(node.pool) ? readdirSync(node.pool) : []).toEqual([]);
    }
    rmSync(node.pool, { recursive: true });
    renameSync(`${node.pool}.away`, node.pool);
    await node.start({ flags });
    await node.controller.DeleteVolume({ volume_id });
    await node.stop();
    rmSync(node.pool, { recursive: true });
    rmSync(marker);
    await node.start({ flags });
  });

  test('with --require-existing-statedir', async () => {
    const node = testNode();
    const flag = '--require-existing-statedir';
    const run = await runDriver(flagsOf(node, flag));
    expect(run).toMatchObject({
      code: 1,
      stderr: expect.stringContaining('Omit the flag for the first start'),
    });
    expect(existsSync(node.pool)).toBe(false);
    await node.start();
    await node.restart({ flags: [flag] });
  });
});

test('a state directory and a pool that were copied to another disk can be used after the command in the message', async () => {
  const { node, other, flags, volume_id } = await nodeWithUsedPool();
  const run = () =>
    runDriver([`--statedir=${node.pool}`, `--endpoint=${node.socket}`, '--nodeid=node-1', ...flags]);
  for (const path of [node.pool, other]) {
    renameSync(path, `${path}.old`);
    mkdirSync(path);
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'mode=0700', 'none', path]);
    execFileSync('cp', ['-a', `${path}.old/.`, path]);
  }
  const { code, stderr } = await run();
  expect({ code, stderr }).toMatchObject({ code: 1 });
  const commandIn = (text: string) =>
    /run: csi-hostpath (check .*?--statedir=[^ "\n]*)/.exec(text)?.[1]?.split(' ') ?? [];
  const socket = join(node.directory, 'status.sock');
  const accept = (text: string, ...words: string[]) =>
    runDriver([...commandIn(text), `--socket=${socket}`, ...words]);
  const registry = join(node.pool, '.csi-hostpath', 'pools.json');
  const before = readFileSync(registry, 'utf8');
  const dryRun = await accept(stderr, '--dry-run');
  expect(dryRun.stdout).toContain('run check --repair to use it there from now on');
  expect(readFileSync(registry, 'utf8')).toBe(before);
  expect((await accept(stderr)).stdout).toMatch(/^repaired: pool default\n/);
  // The state directory is known again; the other pool is named, and can be accepted by the driver that runs.
  const driver = await node.start({ flags: [...flags, `--status-socket=${socket}`] });
  expect((await accept(stderr)).stdout).not.toContain('repaired: pool default');
  await expectOnlyDefault(node, volume_id, 'a copy of the pool');
  expect((await accept(driver.log())).stdout).toMatch(/^repaired: pool (?!default)/);
  await node.controller.DeleteVolume({ volume_id });
  await node.restart({ flags });
});
