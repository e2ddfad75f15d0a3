import { mkdirSync } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import { afterAll, expect, test, vi } from 'vitest';
import { passStep } from '../../../src/model/steps.ts';
import { damagedMembers } from '../../../src/pools/directory/damaged-groups.ts';
import { readMarker, writeMarker } from '../../../src/pools/directory/pool-marker.ts';
import { DiskRecords } from '../../../src/records/disk-records.ts';
import { FileChanges } from '../../../src/records/file-changes.ts';
import { poolLayout } from '../../../src/records/pool-layout.ts';
import { readAnyRecord, volumeRecords } from '../../../src/records/record-kinds.ts';
import { RemovalQueue } from '../../../src/records/removal-queue.ts';
import { exampleVolume } from '../model/fakes/model.ts';
import { systemError } from '../model/fakes/system-error.ts';
import { temporaryDirectory } from '../temporary-directory.ts';

// Modules stay loaded from file to file: these tests load them anew, and so do the files that run after this one.
vi.hoisted(() => void vi.resetModules());
afterAll(() => {
  vi.doUnmock('../../../src/kernel/calls/descriptor.ts');
  vi.doUnmock('node:timers/promises');
  vi.resetModules();
});

/** The errors for opening the next files, instead of opening them. */
const failures = vi.hoisted((): Error[] => []);
vi.mock(import('../../../src/kernel/calls/descriptor.ts'), async (importOriginal) => {
  const original = await importOriginal();
  const withDescriptor: typeof original.withDescriptor = async (...words) => {
    const failure = failures.pop();
    if (failure) throw failure;
    return original.withDescriptor(...words);
  };
  return { ...original, withDescriptor };
});
vi.mock(import('node:timers/promises'), async (importOriginal) => {
  const original = await importOriginal();
  return { ...original, setTimeout: (async () => {}) as unknown as typeof original.setTimeout };
});

type Code = Parameters<typeof systemError>[0];

function failNext(code: Code, times: number): void {
  failures.splice(0, failures.length, ...Array.from({ length: times }, () => systemError(code)));
}

async function recordsWith(count: number) {
  const layout = poolLayout(temporaryDirectory());
  for (const path of [layout.volumes, layout.incoming, layout.outgoing]) mkdirSync(path);
  const removals = new RemovalQueue({ remove: async () => {}, onFailure: () => {}, onRecovery: () => {} });
  const parts = {
    layout,
    poolName: 'default',
    removals,
    destroy: async () => {},
    changes: new FileChanges(passStep),
  };
  const records = new DiskRecords({ ...parts, kind: volumeRecords });
  for (let number = 0; number < count; number++) {
    await records.add(
      exampleVolume({ id: `v-${number}`, name: `${number}` }),
      async (directory) => void (await mkdir(`${directory}/data`)),
    );
  }
  return { records, layout };
}

test.each(['EMFILE', 'ENFILE', 'ENOMEM', 'EIO', 'EINTR', 'EAGAIN', 'ESTALE'] as const)(
  'a passing %s does not make a volume damaged',
  async (code) => {
    const { records } = await recordsWith(3);
    failNext(code, 6);
    const { found, damaged } = await records.load();
    expect(damaged).toEqual([]);
    expect(found).toHaveLength(3);
  },
);

test('a lasting EMFILE fails the whole load, and no volume is judged', async () => {
  const { records } = await recordsWith(3);
  failNext('EMFILE', 1000);
  await expect(records.load()).rejects.toMatchObject({ kind: 'unavailable' });
  failNext('EMFILE', 0);
  expect((await records.load()).found).toHaveLength(3);
});

test('a lasting EIO makes a volume unreadable, not damaged', async () => {
  const { records } = await recordsWith(1);
  failNext('EIO', 1000);
  const { damaged } = await records.load();
  failNext('EIO', 0);
  expect(damaged).toEqual([expect.objectContaining({ id: 'v-0', isUnread: true })]);
});

test('a passing error does not make a marker missing or damaged', async () => {
  const path = `${temporaryDirectory()}/pool.json`;
  await writeMarker(path, { poolId: '0123abcd', fileSystem: 'x' });
  failNext('EMFILE', 3);
  expect(await readMarker(path)).toMatchObject({ poolId: '0123abcd' });
  failNext('EMFILE', 1000);
  await expect(readMarker(path)).rejects.toMatchObject({ code: 'EMFILE' });
  failNext('EMFILE', 0);
});

test('a passing error does not make a pending removal unknown', async () => {
  const { records } = await recordsWith(1);
  failNext('EMFILE', 1000);
  await expect(readAnyRecord(records.directoryOf('v-0'))).rejects.toMatchObject({ code: 'EMFILE' });
  failNext('EMFILE', 2);
  expect(await readAnyRecord(records.directoryOf('v-0'))).toMatchObject({ kind: 'volume' });
});

test('the members of an unreadable group are unreadable, too', async () => {
  const { layout } = await recordsWith(1);
  const groups = { directoryOf: () => layout.volumes } as unknown as DiskRecords<never>;
  const group = { id: 'g', pool: 'default', reason: 'EIO', isUnread: true };
  const members = await damagedMembers(groups, [group]);
  expect(members).toEqual([expect.objectContaining({ id: 'v-0', isUnread: true })]);
});
