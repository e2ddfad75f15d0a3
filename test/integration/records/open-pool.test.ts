import { execFileSync } from 'node:child_process';
import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import { describe, expect, onTestFinished, test } from 'vitest';
import { type OpenPool, openPool, openStatePool } from '../../../src/pools/directory/open-pool.ts';
import {
  PoolConfigError,
  PoolHeldError,
  UnreachablePoolError,
} from '../../../src/pools/directory/pool-errors.ts';
import { checkDistinct } from '../../../src/pools/directory/pool-overlap.ts';
import { PoolRegistry } from '../../../src/pools/directory/pool-registry.ts';
import { poolLayout } from '../../../src/records/pool-layout.ts';
import { fillDisk } from '../../support/fill-disk.ts';
import { listing } from '../../support/listing.ts';
import { scratchDirectory } from '../../support/scratch.ts';
import { waitingProcess } from '../../support/waiting-process.ts';

/** Opens a pool without waiting for its lock; it is closed at the end of the test at the latest. */
async function open(path: string): Promise<OpenPool> {
  const pool = await openStatePool('default', path, 0);
  onTestFinished(() => pool.lock.release());
  return pool;
}

/** A pool that has been used and closed. */
async function usedPool() {
  const path = join(scratchDirectory(), 'pool');
  const { id, lock, layout } = await open(path);
  await lock.release();
  return { path, id, layout };
}

/** Expects that a pool cannot be opened, for a reason with this text in it, and that nothing in it has changed. */
async function expectRefused(path: string, text: string): Promise<void> {
  const before = listing(path);
  await expect(open(path)).rejects.toThrow(text);
  expect(listing(path)).toEqual(before);
}

function linkTo(target: string, path: string): void {
  mkdirSync(dirname(path));
  symlinkSync(target, path);
}

describe('a new pool', () => {
  test('is made at a missing path, with its parents, for the driver alone', async () => {
    const path = join(scratchDirectory(), 'a', 'b', 'pool');
    const { id, layout } = await open(path);
    expect(id).toMatch(/^[0-9a-f]{8}$/);
    for (const directory of [path, layout.metadata, layout.volumes, layout.incoming, layout.outgoing]) {
      expect(statSync(directory).mode & 0o7777).toBe(0o700);
    }
    for (const file of [layout.marker, layout.registry, layout.lock]) {
      expect(statSync(file).mode & 0o7777).toBe(0o600);
    }
  });

  test('is made in an empty directory, or one with only lost+found', async () => {
    const [empty, fresh] = [scratchDirectory(), scratchDirectory()];
    mkdirSync(join(fresh, 'lost+found'));
    await open(empty);
    await open(fresh);
    expect(readdirSync(fresh)).toEqual([
      '.csi-hostpath',
      '.incoming',
      '.outgoing',
      'groups',
      'lost+found',
      'retained',
      'snapshots',
      'volumes',
    ]);
  });

  test('is not made among other files', async () => {
    const path = scratchDirectory();
    writeFileSync(join(path, 'thesis.txt'), 'precious');
    await expectRefused(path, 'thesis.txt');
    await expect(open(path)).rejects.toBeInstanceOf(PoolConfigError);
  });

  test('is not made among directories that only look like those of a pool', async () => {
    const path = scratchDirectory();
    mkdirSync(join(path, 'volumes', 'somebody'), { recursive: true });
    mkdirSync(join(path, '.incoming', 'somebody'), { recursive: true });
    await expectRefused(path, 'neither empty nor a pool');
  });

  test('is made after its creation was interrupted', async () => {
    const { path, id, layout } = await usedPool();
    const { marker, registry, volumes, snapshots, groups, retained, incoming, outgoing } = layout;
    const made = [marker, registry, volumes, snapshots, groups, retained, incoming, outgoing];
    for (const left of made) rmSync(left, { recursive: true });
    expect((await open(path)).id).not.toBe(id);
  });

  test('is not made among existing volumes, without a marker or a list of pools', async () => {
    const { path, layout } = await usedPool();
    rmSync(layout.marker);
    rmSync(layout.registry);
    await expectRefused(path, 'neither empty nor a pool');
  });

  test.each([
    ['below a file', (path: string) => writeFileSync(dirname(path), '')],
    ['at a symbolic link to nothing', (path: string) => linkTo('nowhere', path)],
    ['at a symbolic link to itself', (path: string) => linkTo(path, path)],
  ])('is not made %s, which is reported as an error', async (_, put) => {
    const path = join(scratchDirectory(), 'parent', 'pool');
    put(path);
    await expect(open(path)).rejects.toThrow(`${path} is not a directory`);
    await expect(open(path)).rejects.toBeInstanceOf(PoolConfigError);
  });

  test('is not made in a file', async () => {
    const path = join(scratchDirectory(), 'file');
    writeFileSync(path, 'content');
    await expect(open(path)).rejects.toThrow(path);
    await expect(open(path)).rejects.toBeInstanceOf(PoolConfigError);
    expect(readFileSync(path, 'utf8')).toBe('content');
  });
});

describe('an existing pool', () => {
  test('keeps its id and its volumes', async () => {
    const { path, id, layout } = await usedPool();
    mkdirSync(join(layout.volumes, 'x-YQ', 'data'), { recursive: true });
    const before = listing(layout.volumes);
    expect((await open(path)).id).toBe(id);
    expect(listing(layout.volumes)).toEqual(before);
  });

  test('is the same when it is reached through a symbolic link', async () => {
    const { path, id } = await usedPool();
    symlinkSync(path, join(path, '..', 'link'));
    const pool = await open(join(path, '..', 'link'));
    expect(pool).toMatchObject({ id, layout: poolLayout(path) });
  });

  test('is recognised by its marker when the list of pools is lost, and recorded again', async () => {
    const { path, id, layout } = await usedPool();
    rmSync(layout.registry);
    expect((await open(path)).id).toBe(id);
    expect(readFileSync(layout.registry, 'utf8')).toContain(id);
  });

  test('reports half-built and half-removed content of an earlier process', async () => {
    const { path, layout } = await usedPool();
    const left = [join(layout.incoming, 'half'), join(layout.outgoing, 'gone.01234567')];
    for (const directory of left) mkdirSync(join(directory, 'data'), { recursive: true });
    expect((await open(path)).leftovers).toEqual(left);
  });

  test('is detected as unreachable when something is mounted over it later', async () => {
    const { path } = await usedPool();
    const pool = await open(path);
    await pool.checkReachable();
    execFileSync('mount', ['-t', 'tmpfs', 'none', path]);
    await expect(pool.checkReachable()).rejects.toMatchObject({ kind: 'unavailable' });
    execFileSync('umount', [path]);
    await pool.checkReachable();
  });

  test('is detected as unreachable when another directory replaces it', async () => {
    const { path } = await usedPool();
    const pool = await open(path);
    renameSync(path, `${path}.old`);
    await expect(pool.checkReachable()).rejects.toMatchObject({ kind: 'unavailable' });
    execFileSync('cp', ['-a', `${path}.old`, path]);
    await expect(pool.checkReachable()).rejects.toMatchObject({ kind: 'unavailable' });
    rmSync(path, { recursive: true });
    renameSync(`${path}.old`, path);
    await pool.checkReachable();
  });

  test('can be released twice, and opened any number of times', async () => {
    const { path, id } = await usedPool();
    for (let time = 0; time < 3; time++) {
      const pool = await open(path);
      expect(pool.id).toBe(id);
      await pool.lock.release();
      await pool.lock.release();
    }
  });
});

describe('a changed pool', () => {
  test('is refused without its marker', async () => {
    const { path, id, layout } = await usedPool();
    rmSync(layout.marker);
    await expectRefused(path, id);
  });

  test('is refused with the marker of another pool', async () => {
    const { path, layout } = await usedPool();
    writeFileSync(layout.marker, readFileSync((await usedPool()).layout.marker));
    await expectRefused(path, 'another pool');
  });

  test('is refused on another file system', async () => {
    const { path, layout } = await usedPool();
    const copy = join(path, '..', 'copy');
    mkdirSync(copy);
    execFileSync('mount', ['-t', 'tmpfs', 'none', copy]);
    execFileSync('cp', ['-a', `${path}/.`, copy]);
    await expectRefused(copy, 'is its disk mounted?');
    expect(readFileSync(layout.marker, 'utf8')).toContain('fileSystem');
  });

  test('without .csi-hostpath counts as unrelated files', async () => {
    const { path, layout } = await usedPool();
    rmSync(layout.metadata, { recursive: true });
    await expectRefused(path, 'neither empty nor a pool');
  });

  test.each([
    ['torn', (text: string) => text.slice(0, text.length / 2)],
    ['empty', () => ''],
    ['of a newer format', (text: string) => text.replace('"formatVersion": 1', '"formatVersion": 2')],
    ['not an object', () => '[]'],
  ])('a marker that is %s is refused, naming the file, and so is such a list of pools', async (_, damage) => {
    for (const file of ['marker', 'registry'] as const) {
      const { path, layout } = await usedPool();
      writeFileSync(layout[file], damage(readFileSync(layout[file], 'utf8')));
      await expectRefused(path, layout[file]);
    }
  });
});

describe('the lock', () => {
  test('held by another process is waited for no longer than the limit, and not replaced', async () => {
    const { path, layout } = await usedPool();
    const { ino } = statSync(layout.lock);
    const holder = await waitingProcess(
      'flock',
      ['--no-fork', layout.lock, 'sh', '-c', 'echo held; exec cat'],
      {
        saysReady: true,
      },
    );
    await expectRefused(path, layout.lock);
    await holder.end();
    await open(path);
    expect(statSync(layout.lock).ino).toBe(ino);
  });

  test('held by another process protects half-built content', async () => {
    const { path, layout } = await usedPool();
    await waitingProcess('flock', ['--no-fork', layout.lock, 'sh', '-c', 'echo held; exec cat'], {
      saysReady: true,
    });
    mkdirSync(join(layout.incoming, 'half'));
    await expectRefused(path, 'another driver');
  });

  test('is waited for until the other process ends', async () => {
    const { path, layout } = await usedPool();
    const holder = await waitingProcess(
      'flock',
      ['--no-fork', layout.lock, 'sh', '-c', 'echo held; exec cat'],
      {
        saysReady: true,
      },
    );
    const opening = openStatePool('default', path, 600_000);
    await holder.end();
    await (await opening).lock.release();
  });

  test('is released when the pool cannot be opened for another reason', async () => {
    const { path, layout } = await usedPool();
    rmSync(layout.marker);
    await expectRefused(path, 'no marker');
    execFileSync('flock', ['--nonblock', layout.lock, 'true']);
  });
});

function fillTmpfs(path: string): void {
  execFileSync('mount', ['-o', 'remount,size=1m', path]);
  fillDisk(path);
}

function replaceBy(path: string, put: () => void): void {
  rmSync(path, { recursive: true });
  put();
}

/** An open state directory, and a disk for an additional pool that can be mounted and unmounted. */
async function nodeWithDisk() {
  const directory = scratchDirectory();
  const [stateDir, disk, path] = ['state', 'disk', 'mnt'].map((name) => join(directory, name)) as [
    string,
    string,
    string,
  ];
  mkdirSync(disk);
  mkdirSync(path);
  execFileSync('mount', ['-t', 'tmpfs', 'none', disk]);
  // The data of a tmpfs is lost with its last mount, so the disk stays mounted elsewhere.
  const mount = () => execFileSync('mount', ['--bind', disk, path]);
  const unmount = (...flags: string[]) => execFileSync('umount', [...flags, path], { stdio: 'pipe' });
  const node = { directory, stateDir, disk, path, registry: new PoolRegistry(stateDir), mount, unmount };
  const open = async (name: string, at: string) => {
    const pool = await openPool({ name, path: at }, node.registry, 0);
    onTestFinished(() => pool.lock.release());
    return pool;
  };
  const state = await open('default', stateDir);
  /** The knowledge of a restarted driver. */
  const restart = () => {
    node.registry = new PoolRegistry(stateDir);
  };
  return { node, state, open, restart };
}

/** The same with the pool made on the disk and closed, and the disk unmounted. */
async function nodeWithoutDisk() {
  const { node, open, restart } = await nodeWithDisk();
  node.mount();
  const { id, lock } = await open('fast', node.path);
  await lock.release();
  node.unmount();
  const expectUnreachable = async (text: string, at = node.path) => {
    const before = listing(node.directory);
    const error = await open('fast', at).catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(UnreachablePoolError);
    expect(error).toMatchObject({ kind: 'unavailable', poolId: id, path: node.path });
    expect(error).toMatchObject({ message: expect.stringContaining(text) });
    expect(listing(node.directory)).toEqual(before);
  };
  return { node, id, open, restart, expectUnreachable };
}

describe('an additional pool', () => {
  test('is recorded in the state directory, not in itself', async () => {
    const { node, state, open } = await nodeWithDisk();
    node.mount();
    const pool = await open('fast', node.path);
    expect(pool.id).not.toBe(state.id);
    expect(pool.fileSystem).toMatch(/^1021994:/);
    expect(existsSync(pool.layout.registry)).toBe(false);
    const { pools } = JSON.parse(readFileSync(state.layout.registry, 'utf8'));
    expect(pools).toMatchObject([
      { name: 'default', poolId: state.id, path: node.stateDir },
      { name: 'fast', poolId: pool.id, path: node.path, fileSystem: pool.fileSystem },
    ]);
  });

  test('on an unmounted disk is unreachable, and its mount point stays empty', async () => {
    const { node, restart, expectUnreachable } = await nodeWithoutDisk();
    await expectUnreachable('no marker');
    restart();
    await expectUnreachable('is its disk mounted?');
    await expectUnreachable(join(node.stateDir, '.csi-hostpath', 'pools.json'));
  });

  test('whose mount point is missing too is unreachable, and nothing is made there', async () => {
    const { node, expectUnreachable } = await nodeWithoutDisk();
    rmSync(node.path, { recursive: true });
    await expectUnreachable(`${node.path} does not exist`);
  });

  test('is unreachable if its mount point contains other files, and these stay', async () => {
    const { node, expectUnreachable } = await nodeWithoutDisk();
    writeFileSync(join(node.path, 'thesis.txt'), 'precious');
    await expectUnreachable('no marker');
  });

  test("with another pool's disk at its path is unreachable", async () => {
    const { node, open, expectUnreachable } = await nodeWithoutDisk();
    execFileSync('mount', ['-t', 'tmpfs', 'none', node.path]);
    const other = await open('other', join(node.directory, 'other'));
    await other.lock.release();
    execFileSync('cp', ['-a', `${other.layout.root}/.`, node.path]);
    await expectUnreachable(`another pool (${other.id})`);
  });

  test('is unreachable as a copy on another file system', async () => {
    const { node, expectUnreachable } = await nodeWithoutDisk();
    execFileSync('mount', ['-t', 'tmpfs', 'none', node.path]);
    execFileSync('cp', ['-a', `${node.disk}/.`, node.path]);
    await expectUnreachable('the marker of this pool');
  });

  test('with a damaged marker is unreachable, and the marker stays unchanged', async () => {
    const { node, expectUnreachable } = await nodeWithoutDisk();
    node.mount();
    const { marker } = poolLayout(node.path);
    writeFileSync(marker, '{');
    await expectUnreachable(`cannot parse ${marker}`);
  });

  test.each([
    ['read-only', (path: string) => void execFileSync('mount', ['-o', 'remount,bind,ro', path])],
    ['full', fillTmpfs],
  ])('on a disk that is now %s is opened without a write', async (_, change) => {
    const { node, id, open } = await nodeWithoutDisk();
    node.mount();
    change(node.path);
    const before = listing(node.path);
    expect((await open('fast', node.path)).id).toBe(id);
    expect(listing(node.path)).toEqual(before);
  });

  test('on a read-only disk is locked even without its lock file', async () => {
    const { node, open } = await nodeWithoutDisk();
    node.mount();
    rmSync(poolLayout(node.path).lock);
    execFileSync('mount', ['-o', 'remount,bind,ro', node.path]);
    await open('fast', node.path);
    await expect(open('fast', node.path)).rejects.toThrow(`another driver has locked ${node.path}`);
  });

  test.each([
    ['is missing', (path: string) => rmSync(path, { recursive: true })],
    ['is not a directory', (path: string) => replaceBy(path, () => symlinkSync('elsewhere', path))],
    ['is not a directory', (path: string) => replaceBy(path, () => writeFileSync(path, ''))],
  ])('one of whose directories %s is unreachable, and none is recreated', async (text, damage) => {
    for (const home of ['volumes', 'snapshots', 'groups', 'retained'] as const) {
      const { node, expectUnreachable } = await nodeWithoutDisk();
      node.mount();
      damage(poolLayout(node.path)[home]);
      await expectUnreachable(`${poolLayout(node.path)[home]} ${text}`);
    }
  });

  test('of an older version gets its missing directories, but no new volumes/', async () => {
    const { node, id, open, expectUnreachable } = await nodeWithoutDisk();
    node.mount();
    const { marker, retained, groups, reserve, volumes } = poolLayout(node.path);
    const { homes: _, checksum: __, ...old } = JSON.parse(readFileSync(marker, 'utf8'));
    writeFileSync(marker, JSON.stringify(old));
    for (const path of [retained, groups, reserve]) rmSync(path, { recursive: true });
    const { lock } = await open('fast', node.path);
    expect(readdirSync(reserve)).not.toEqual([]);
    expect(JSON.parse(readFileSync(marker, 'utf8'))).toMatchObject({ poolId: id, homes: expect.any(Array) });
    await lock.release();
    writeFileSync(marker, JSON.stringify(old));
    rmSync(volumes, { recursive: true });
    await expectUnreachable(`${volumes} is missing`);
  });

  test('is the same again when its disk is mounted again, in the same run or the next', async () => {
    const { node, id, open, restart, expectUnreachable } = await nodeWithoutDisk();
    for (let time = 0; time < 3; time++) {
      await expectUnreachable('no marker');
      node.mount();
      const pool = await open('fast', node.path);
      expect(pool.id).toBe(id);
      await pool.checkReachable();
      await pool.lock.release();
      node.unmount();
      restart();
    }
  });

  test('is not recreated under another name while its disk is not mounted', async () => {
    const { node, id, open } = await nodeWithoutDisk();
    const before = listing(node.directory);
    await expect(open('renamed', node.path)).rejects.toMatchObject({ poolId: id });
    expect(listing(node.directory)).toEqual(before);
  });

  test('can be renamed and mounted elsewhere, and keeps its content', async () => {
    const { node, id, open, restart } = await nodeWithoutDisk();
    expect(await open('renamed', node.disk)).toMatchObject({
      id,
      name: 'renamed',
      layout: { root: node.disk },
    });
    restart();
    expect(await node.registry.find('renamed')).toMatchObject({ poolId: id, path: node.disk });
    expect(await node.registry.find('fast')).toBeUndefined();
  });

  test('keeps its disk from being unmounted until it is released', async () => {
    const { node, open } = await nodeWithDisk();
    node.mount();
    const pool = await open('fast', node.path);
    expect(() => node.unmount()).toThrow('busy');
    await pool.checkReachable();
    await pool.lock.release();
    node.unmount();
  });

  test('is detected as unreachable when its disk is unmounted lazily, and opened when it is back', async () => {
    const { node, open } = await nodeWithDisk();
    node.mount();
    const pool = await open('fast', node.path);
    node.unmount('--lazy');
    await expect(pool.checkReachable()).rejects.toMatchObject({ kind: 'unavailable' });
    await pool.lock.release();
    await expect(open('fast', node.path)).rejects.toMatchObject({ poolId: pool.id });
    expect(readdirSync(node.path)).toEqual([]);
    node.mount();
    const again = await open('fast', node.path);
    expect(again.id).toBe(pool.id);
    await again.checkReachable();
  });

  test('at an invalid path is an error if it is new, and unreachable otherwise', async () => {
    const { node, open, expectUnreachable } = await nodeWithoutDisk();
    rmSync(node.path, { recursive: true });
    writeFileSync(node.path, 'content');
    await expectUnreachable('not a directory');
    const error = await open('new', join(node.path, 'below')).catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(PoolConfigError);
    expect(readFileSync(node.path, 'utf8')).toBe('content');
  });

  test('held by another driver is reported as held, or as unreachable if it was used before', async () => {
    const { node, open } = await nodeWithDisk();
    const pool = await open('fast', node.path);
    const held = { message: expect.stringContaining(`another driver has locked ${pool.layout.lock}`) };
    const again = await open('fast', node.path).catch((thrown: unknown) => thrown);
    expect(again).toBeInstanceOf(UnreachablePoolError);
    expect(again).toMatchObject(held);
    const others = new PoolRegistry(join(node.directory, 'other-state'));
    const place = { name: 'fast', path: node.path };
    const error = await openPool(place, others, 0).catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(PoolHeldError);
    expect(error).toMatchObject(held);
  });

  test('that another driver creates while this one waits is recorded by both', async () => {
    const { node, state } = await nodeWithDisk();
    // This one has read a list of pools without the new one when it begins to wait.
    const waiting = new PoolRegistry(node.stateDir);
    await waiting.find('fast');
    const pool = await openPool({ name: 'fast', path: node.path }, node.registry, 0);
    await pool.lock.release();
    await state.lock.release();
    const next = await openPool({ name: 'default', path: node.stateDir }, waiting, 0);
    onTestFinished(() => next.lock.release());
    expect(await waiting.find('fast')).toMatchObject({ poolId: pool.id });
  });
});

describe('pools on one directory, seen through bind mounts,', () => {
  /** The pool `a`, and `b` at a bind mount of a directory in it or above it. */
  function boundPools(pool: string, bound: string) {
    const directory = scratchDirectory();
    const [a, b] = [join(directory, pool), join(directory, 'bound')];
    for (const path of [a, b, join(directory, bound)]) mkdirSync(path, { recursive: true });
    execFileSync('mount', ['--bind', join(directory, bound), b]);
    return [
      { name: 'a', path: a },
      { name: 'b', path: b },
    ];
  }

  test.each([
    ['the same', 'x', 'x', 'is the same directory as'],
    ['one inside the other', 'x', 'x/volumes/y/data', 'pool "b" at'],
    ['one above the other', 'x/y', 'x', 'pool "a" at'],
  ])('are an error: %s', async (_, pool, bound, text) => {
    const pools = boundPools(pool, bound);
    for (const order of [pools, [...pools].reverse()]) {
      const error = await checkDistinct(order).catch((thrown: unknown) => thrown);
      expect(error).toBeInstanceOf(PoolConfigError);
      expect(error).toMatchObject({ message: expect.stringContaining(text) });
    }
  });

  test('are an error if one does not exist yet', async () => {
    const [a, b] = boundPools('x', 'x').map((pool) => ({ ...pool, path: join(pool.path, 'new') }));
    await expect(checkDistinct([a, b].filter((pool) => pool !== undefined))).rejects.toThrow(PoolConfigError);
  });

  test('are fine as neighbours, on one disk or on two of the same structure', async () => {
    await checkDistinct(boundPools('x', 'y'));
    const directory = scratchDirectory();
    const pools = ['x', 'y'].map((name) => ({ name, path: join(directory, name) }));
    for (const { path } of pools) {
      mkdirSync(path);
      execFileSync('mount', ['-t', 'tmpfs', 'none', path]);
    }
    await checkDistinct(pools);
  });
});
