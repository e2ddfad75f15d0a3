import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { mkdir, rename, rm, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { removeTree } from '../../../src/kernel/workers/tree-tasks.ts';
import type { Volume } from '../../../src/model/objects/volume.ts';
import { type OnStep, passStep } from '../../../src/model/steps.ts';
import { DiskRecords } from '../../../src/records/disk-records.ts';
import { FileChanges } from '../../../src/records/file-changes.ts';
import { finishAdoptions } from '../../../src/records/finish-adoptions.ts';
import { poolLayout } from '../../../src/records/pool-layout.ts';
import { retainedRecords, volumeRecords } from '../../../src/records/record-kinds.ts';
import { RemovalQueue } from '../../../src/records/removal-queue.ts';
import { encodeVolumeRecord } from '../../../src/records/volume-record.ts';
import { recordsContract } from '../../contracts/records-contract.ts';
import { failAt } from '../model/fakes/gate.ts';
import { exampleVolume } from '../model/fakes/model.ts';
import { systemError } from '../model/fakes/system-error.ts';
import { temporaryDirectory } from '../temporary-directory.ts';

type RemovalEvents = Partial<ConstructorParameters<typeof RemovalQueue>[0]>;

function makeSubject(onStep: OnStep = passStep, events: RemovalEvents = {}) {
  const layout = poolLayout(temporaryDirectory());
  for (const path of [layout.volumes, layout.retained, layout.incoming, layout.outgoing]) mkdirSync(path);
  const destroyed: string[] = [];
  const destroy = async (directory: string) => {
    destroyed.push(directory);
    await removeTree(directory);
  };
  const removals = new RemovalQueue({
    remove: destroy,
    onFailure(_, error) {
      throw error;
    },
    onRecovery: () => {},
    ...events,
  });
  const parts = { layout, poolName: 'default', removals, destroy, changes: new FileChanges(onStep) };
  return {
    layout,
    root: { uid: process.getuid?.() ?? 0, gid: process.getgid?.() ?? 0, mode: 0o750 },
    records: new DiskRecords({ ...parts, kind: volumeRecords }),
    retained: new DiskRecords({ ...parts, kind: retainedRecords }),
    destroyed,
    outside: temporaryDirectory(),
    makeDirectory: async (path: string) => void (await mkdir(path)),
    exists: async (path: string) => existsSync(path),
    damage: (id: string) => writeFile(join(subjectDirectory(layout.volumes, id), 'volume.json'), ''),
    idle: () => removals.idle(),
    leftovers: async () =>
      [layout.incoming, layout.outgoing, layout.adopting]
        .filter((path) => existsSync(path))
        .flatMap((path) => readdirSync(path)),
  };

  function subjectDirectory(volumes: string, id: string): string {
    const name = readdirSync(volumes).find(
      (each) => each === id || each === `x-${Buffer.from(id).toString('base64url')}`,
    );
    return join(volumes, name ?? 'missing');
  }
}

async function putFifo(path: string): Promise<void> {
  await rm(path);
  execFileSync('mkfifo', [path]);
}

recordsContract('DiskRecords', async () => makeSubject());

const build = (directory: string) => mkdir(join(directory, 'data')).then(() => {});
const volume = exampleVolume();

test.each([
  'create: directory made',
  'create: content made',
  'create: record written',
  'create: built durably',
  'create: renamed',
] as const)('a create that fails at "%s" leaves nothing, and can be repeated', async (step) => {
  const error = systemError('EIO');
  let isBroken = true;
  const subject = makeSubject((current) => (isBroken ? failAt(step, error)(current) : undefined));
  await expect(subject.records.add(volume, build)).rejects.toMatchObject({
    kind: 'unavailable',
    cause: error,
  });
  expect(readdirSync(subject.layout.volumes)).toEqual([]);
  expect(await subject.leftovers()).toEqual([]);
  isBroken = false;
  await subject.records.add(volume, build);
  expect((await subject.records.load()).found).toEqual([volume]);
});

test('a volume that can be neither added nor taken back is taken back later', async () => {
  const retries: (() => void)[] = [];
  const after = (_: number, retry: () => void) => {
    retries.push(retry);
    return () => {};
  };
  const breakDisk = async (step: string) => {
    if (step !== 'create: renamed') return;
    // Nothing can be moved there from now on.
    await rename(layout.incoming, `${layout.incoming}.away`);
    throw systemError('EIO');
  };
  const { layout, records, idle, leftovers } = makeSubject(breakDisk, { onFailure: () => {}, after });
  await expect(records.add(volume, build)).rejects.toMatchObject({ kind: 'unavailable' });
  await idle();
  expect(readdirSync(layout.volumes)).toHaveLength(1);
  await rename(`${layout.incoming}.away`, layout.incoming);
  retries.pop()?.();
  await idle();
  expect(readdirSync(layout.volumes)).toEqual([]);
  expect(await leftovers()).toEqual([]);
});

test('a volume with a reused id is created despite leftovers of a crash', async () => {
  const { records, layout } = makeSubject();
  const inline = exampleVolume({ id: 'csi-1', name: undefined });
  mkdirSync(join(layout.incoming, records.directoryNameOf(inline.id)));
  await records.add(inline, build);
  expect((await records.load()).found).toEqual([inline]);
});

test.each(['delete: renamed', 'delete: durable'] as const)(
  'a delete that failed at "%s" can be repeated, and nothing is left',
  async (step) => {
    let isBroken = true;
    const subject = makeSubject((current) =>
      isBroken ? failAt(step, systemError('EIO'))(current) : undefined,
    );
    await subject.records.add(volume, build);
    await expect(subject.records.remove(volume.id)).rejects.toThrow();
    isBroken = false;
    await subject.records.remove(volume.id);
    await subject.idle();
    expect(readdirSync(subject.layout.volumes)).toEqual([]);
    expect(await subject.leftovers()).toEqual([]);
  },
);

test('a delete reports a disk error by kind, and the volume stays', async () => {
  const subject = makeSubject();
  await subject.records.add(volume, build);
  // A file in place of the directory is one of the few errors that even root gets.
  await rm(subject.layout.outgoing, { recursive: true });
  writeFileSync(subject.layout.outgoing, '');
  await expect(subject.records.remove(volume.id)).rejects.toMatchObject({ code: 'ENOTDIR' });
  expect((await subject.records.load()).found).toEqual([volume]);
});

test('a volume belongs to the pool that contains it, whatever its record says', async () => {
  const subject = makeSubject();
  await subject.records.add({ ...volume, pool: 'renamed since' }, build);
  expect((await subject.records.load()).found).toEqual([volume]);
});

test.each([
  ['volume.json is missing', (directory: string) => rm(join(directory, 'volume.json'))],
  ['volume.json: it is empty', (directory: string) => writeFile(join(directory, 'volume.json'), '')],
  [
    'volume.json: it is the record of "other"',
    (directory: string) =>
      writeFile(join(directory, 'volume.json'), encodeVolumeRecord(exampleVolume({ id: 'other' }))),
  ],
  ['volume.json: it is not a regular file', (directory: string) => putFifo(join(directory, 'volume.json'))],
  [
    'volume.json: it is a symbolic link',
    async (directory: string) => {
      await rename(join(directory, 'volume.json'), join(directory, 'moved'));
      await symlink('moved', join(directory, 'volume.json'));
    },
  ],
  [
    'it is a file, not a directory',
    async (directory: string) => {
      await rename(directory, `${directory}.moved`);
      await rename(join(`${directory}.moved`, 'volume.json'), directory);
      await rm(`${directory}.moved`, { recursive: true });
    },
  ],
])('a damaged volume is reported with the reason: %s', async (reason, damage) => {
  const subject = makeSubject();
  await subject.records.add(volume, build);
  await damage(subject.records.directoryOf(volume.id));
  const { found, damaged } = await subject.records.load();
  expect(found).toEqual([]);
  expect(damaged).toEqual([{ id: volume.id, pool: 'default', reason: expect.stringContaining(reason) }]);
});

test('a retain that fails while it is synced is completed by a retry', async () => {
  const error = systemError('EIO');
  const failures = [error];
  const subject = makeSubject((step) => {
    const failure = step === 'retain: renamed' ? failures.pop() : undefined;
    if (failure) throw failure;
  });
  await subject.records.add(volume, build);
  await expect(subject.records.retain(volume)).rejects.toMatchObject({
    kind: 'unavailable',
    cause: error,
  });
  await subject.records.retain(volume);
  expect((await subject.retained.load()).found).toEqual([volume]);
});

test('an empty directory, as after an in-place removal, is not a volume and is removed', async () => {
  const { records, layout } = makeSubject();
  mkdirSync(join(layout.volumes, 'left'));
  expect(await records.load()).toEqual({ found: [], damaged: [] });
  expect(readdirSync(layout.volumes)).toEqual([]);
});

test('a delete or a retain detects when the directory of all volumes was replaced', async () => {
  const { records, layout } = makeSubject();
  await records.add(volume, build);
  await records.load();
  await rename(layout.volumes, `${layout.volumes}.away`);
  for (const isThere of [false, true]) {
    if (isThere) mkdirSync(layout.volumes);
    for (const call of [() => records.remove(volume.id), () => records.retain(volume)]) {
      await expect(call()).rejects.toMatchObject({ kind: 'unavailable' });
    }
  }
  await rm(layout.volumes, { recursive: true });
  await rename(`${layout.volumes}.away`, layout.volumes);
  await records.remove(volume.id);
  expect((await records.load()).found).toEqual([]);
});

test('existing data that cannot be moved stays where it is, and the reason is given', async () => {
  const { records, layout, outside } = makeSubject();
  const volume = exampleVolume();
  const content = (name: string) => ({
    path: `/named/${name}`,
    from: { directory: outside, name },
    name: 'data',
    limit: async () => {},
  });
  await expect(records.adopt(volume, content('gone'))).rejects.toThrow(
    'cannot move "/named/gone": it does not exist any more',
  );
  expect(readdirSync(layout.adopting)).toEqual([]);
  // The data of an earlier attempt is never overwritten.
  mkdirSync(join(layout.adopting, records.directoryNameOf(volume.id), 'data'), { recursive: true });
  await expect(records.adopt(volume, content('other'))).rejects.toThrow('restart the driver');
});

test('at startup, interrupted adoptions become volumes where the data has arrived, and vanish where it has not', async () => {
  const { records, layout } = makeSubject();
  const [whole, empty, early, damaged] = ['whole', 'empty', 'early', 'damaged'].map((id) =>
    exampleVolume({ id, name: id }),
  );
  const begin = (volume: Volume | undefined, text: string, ...content: string[]) => {
    const directory = join(layout.adopting, records.directoryNameOf(volume?.id ?? ''));
    for (const name of ['', ...content]) mkdirSync(join(directory, name), { recursive: true });
    if (text !== '') writeFileSync(join(directory, 'volume.json'), text);
    return directory;
  };
  if (!whole || !empty) throw new Error('not made');
  expect(await finishAdoptions(layout)).toEqual([]);
  const finished = begin(whole, encodeVolumeRecord(whole), 'data');
  begin(empty, encodeVolumeRecord(empty));
  begin(early, '');
  const left = begin(damaged, '{', 'data');
  const outcomes = await finishAdoptions(layout);
  expect(outcomes.toSorted((a, b) => Number('error' in a) - Number('error' in b))).toEqual([
    { directory: finished },
    { directory: left, error: expect.any(Error) },
  ]);
  expect((await records.load()).found).toEqual([whole]);
  expect(existsSync(join(records.directoryOf('whole'), 'data'))).toBe(true);
  expect(readdirSync(layout.adopting)).toEqual([records.directoryNameOf('damaged')]);
});
