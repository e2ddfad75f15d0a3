import { execFileSync } from 'node:child_process';
import { mkdirSync, readdirSync, readFileSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, onTestFinished, test } from 'vitest';
import { type OpenPool, openStatePool } from '../../../src/records/open-pool.ts';
import { poolLayout } from '../../../src/records/pool-layout.ts';
import { listing } from '../../support/listing.ts';
import { scratchDirectory } from '../../support/scratch.ts';
import { waitingProcess } from '../../support/waiting-process.ts';

/** Opens a pool without waiting for its lock; closed at the end of the test at the latest. */
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

/** Expects that a pool is not opened, for a reason with this text in it, and that nothing in it has changed. */
async function expectRefused(path: string, text: string): Promise<void> {
  const before = listing(path);
  await expect(open(path)).rejects.toThrow(text);
  expect(listing(path)).toEqual(before);
}

describe('a new pool', () => {
  test('is made where nothing is, its parents too, for the driver alone', async () => {
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

  test('is made in an empty directory, and where only lost+found is', async () => {
    const [empty, fresh] = [scratchDirectory(), scratchDirectory()];
    mkdirSync(join(fresh, 'lost+found'));
    await open(empty);
    await open(fresh);
    expect(readdirSync(fresh)).toEqual(['.csi-hostpath', '.incoming', '.outgoing', 'lost+found', 'volumes']);
  });

  test('is not made among the files of others', async () => {
    const path = scratchDirectory();
    writeFileSync(join(path, 'thesis.txt'), 'precious');
    await expectRefused(path, 'thesis.txt');
  });

  test('is not made among directories that only look like those of a pool', async () => {
    const path = scratchDirectory();
    mkdirSync(join(path, 'volumes', 'somebody'), { recursive: true });
    mkdirSync(join(path, '.incoming', 'somebody'), { recursive: true });
    await expectRefused(path, 'neither empty nor a pool');
  });

  test('is not made in a file', async () => {
    const path = join(scratchDirectory(), 'file');
    writeFileSync(path, 'content');
    await expect(open(path)).rejects.toThrow(path);
    expect(readFileSync(path, 'utf8')).toBe('content');
  });
});

describe('a pool that exists', () => {
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

  test('is recognised by its marker when the list of pools is gone, and remembered again', async () => {
    const { path, id, layout } = await usedPool();
    rmSync(layout.registry);
    expect((await open(path)).id).toBe(id);
    expect(readFileSync(layout.registry, 'utf8')).toContain(id);
  });

  test('tells what was being built and what was being removed when a process died', async () => {
    const { path, layout } = await usedPool();
    const left = [join(layout.incoming, 'half'), join(layout.outgoing, 'gone.01234567')];
    for (const directory of left) mkdirSync(join(directory, 'data'), { recursive: true });
    expect((await open(path)).leftovers).toEqual(left);
  });

  test('is found out of reach when something is mounted over it later', async () => {
    const { path } = await usedPool();
    const pool = await open(path);
    await pool.checkReachable();
    execFileSync('mount', ['-t', 'tmpfs', 'none', path]);
    await expect(pool.checkReachable()).rejects.toMatchObject({ kind: 'unavailable' });
    execFileSync('umount', [path]);
    await pool.checkReachable();
  });
});

describe('a pool that is not what it was', () => {
  test('without its marker it is refused', async () => {
    const { path, id, layout } = await usedPool();
    rmSync(layout.marker);
    await expectRefused(path, id);
  });

  test('with the marker of another pool it is refused', async () => {
    const { path, layout } = await usedPool();
    writeFileSync(layout.marker, readFileSync((await usedPool()).layout.marker));
    await expectRefused(path, 'another pool');
  });

  test('on another file system it is refused', async () => {
    const { path, layout } = await usedPool();
    const copy = join(path, '..', 'copy');
    mkdirSync(copy);
    execFileSync('mount', ['-t', 'tmpfs', 'none', copy]);
    execFileSync('cp', ['-a', `${path}/.`, copy]);
    await expectRefused(copy, 'is its disk mounted?');
    expect(readFileSync(layout.marker, 'utf8')).toContain('fileSystem');
  });

  test('without .csi-hostpath, its volumes are somebody else’s files', async () => {
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
  test('held by another process it is not waited for longer than said, and not replaced', async () => {
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

  test('held by another process, what is being built there is left alone', async () => {
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

  test('is given back when the pool is not opened for another reason', async () => {
    const { path, layout } = await usedPool();
    rmSync(layout.marker);
    await expectRefused(path, 'no marker');
    execFileSync('flock', ['--nonblock', layout.lock, 'true']);
  });
});
