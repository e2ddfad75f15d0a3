import { join } from 'node:path';
import { beforeEach, describe, expect, test } from 'vitest';
import { VolumeError } from '../../src/model/errors.ts';
import { newObjectId } from '../../src/model/objects/object-id.ts';
import {
  defaultMutableParameters,
  type RootOwnership,
  type Volume,
  type VolumeContent,
} from '../../src/model/objects/volume.ts';
import type { Records } from '../../src/model/ports/ports.ts';
import type { FileSystemType } from '../../src/model/requests/file-system-options.ts';

/** An implementation of Records for an empty pool called `default`, and helpers to look behind it. */
export interface RecordsSubject {
  readonly records: Records<Volume>;
  /** The objects that were put aside. */
  readonly retained: Pick<Records<Volume>, 'load' | 'directoryOf' | 'remove' | 'restore'>;
  /** The owner that this process may give directories to, and a mode. */
  readonly root: RootOwnership;
  makeDirectory(path: string): Promise<void>;
  /** A directory outside the pool, in its mount. */
  readonly outside: string;
  exists(path: string): Promise<boolean>;
  /** Makes the record of an existing volume unreadable. */
  damage(id: string): Promise<void>;
  /** Resolves when the background removals are done. */
  idle(): Promise<void>;
  /** The directories given to `Backend.destroy` so far. */
  readonly destroyed: readonly string[];
  /** The other entries of the pool: half-built or half-removed volumes. */
  leftovers(): Promise<string[]>;
}

/** What every implementation of the Records port must do. */
export function recordsContract(name: string, makeSubject: () => Promise<RecordsSubject>): void {
  describe(`${name} fulfils the Records contract`, () => {
    let subject: RecordsSubject;
    let records: Records<Volume>;

    beforeEach(async () => {
      subject = await makeSubject();
      records = subject.records;
    });

    const buildData = (directory: string) => subject.makeDirectory(join(directory, 'data'));
    const add = async (volume: Volume) => records.add(volume, buildData);
    const loadedIds = async () => (await records.load()).found.map(({ id }) => id).sort();

    async function expectNothingOf(volume: Volume): Promise<void> {
      expect(await records.load()).toEqual({ found: [], damaged: [] });
      expect(await subject.exists(records.directoryOf(volume.id))).toBe(false);
      expect(await subject.leftovers()).toEqual([]);
    }

    test('an empty pool has no volumes', async () => {
      expect(await records.load()).toEqual({ found: [], damaged: [] });
    });

    describe('add', () => {
      test('makes an empty directory together with the object', async () => {
        const volume = volumeOf('a');
        await records.add(volume, { name: 'data', root: subject.root });
        expect(await loadedIds()).toEqual([volume.id]);
        expect(await subject.exists(join(records.directoryOf(volume.id), 'data'))).toBe(true);
      });

      test.each([
        ['a typical volume', volumeOf('a')],
        ['a size beyond exact JSON numbers', volumeOf('a', { capacityBytes: 2n ** 63n - 1n })],
        [
          'ownership with set-group-id and sticky bit',
          volumeOf('a', { root: { uid: 0xffff_fffe, gid: 7, mode: 0o3770 } }),
        ],
        [
          'several access modes',
          volumeOf('a', { accessModes: ['SINGLE_NODE_WRITER', 'MULTI_NODE_READER_ONLY'] }),
        ],
        ['a source', volumeOf('a', { source: { kind: 'snapshot', id: 's' } })],
        [
          'its space shared with copies',
          volumeOf('a', { sharing: { lineage: 'first', sharedBytes: 2n ** 63n - 1n } }),
        ],
        ['a name template', volumeOf('a', { nameTemplate: '${pvc.name}' })],
        ['an accounting class', volumeOf('a', { capacityClass: 'slow' })],
        ['a project', volumeOf('a', { content: { backend: 'quota', projectId: 2 ** 31 - 1 } })],
        ['a subvolume', volumeOf('a', { content: { backend: 'subvolume', isLimited: true } })],
        ['a block volume', volumeOf('a', { content: { backend: 'image', use: { accessType: 'block' } } })],
        ['a file system', volumeOf('a', { content: imageWith('xfs') })],
        ['an unspecified file system', volumeOf('a', { content: imageWith(undefined) })],
        ['a name with any character', volumeOf('../\n"ü \u{1f600}')],
        ['an inline volume', volumeOf('a', { id: 'csi-1', name: undefined, inline: { targetPath: '/t' } })],
        ['an id of another form', volumeOf('a', { id: '../../etc/passwd' })],
        ['a name with the prefix of an encoded id', volumeOf('x-YWJj')],
      ])('%s is stored unchanged', async (_, volume) => {
        await add(volume);
        expect(await records.load()).toEqual({ found: [volume], damaged: [] });
        expect(await subject.exists(join(records.directoryOf(volume.id), 'data'))).toBe(true);
        expect(await subject.leftovers()).toEqual([]);
      });

      test('builds aside, so that the volume appears only when it is complete', async () => {
        const volume = volumeOf('a');
        await records.add(volume, async (directory) => {
          expect(directory).not.toBe(records.directoryOf(volume.id));
          expect(await subject.exists(directory)).toBe(true);
          expect(await subject.exists(records.directoryOf(volume.id))).toBe(false);
          expect(await records.load()).toEqual({ found: [], damaged: [] });
        });
        expect(await loadedIds()).toEqual([volume.id]);
      });

      test('leaves nothing when building fails, and can be repeated', async () => {
        const volume = volumeOf('a');
        const failure = new Error('no data for you');
        const failing = async (directory: string) => {
          await buildData(directory);
          throw failure;
        };
        await expect(records.add(volume, failing)).rejects.toBe(failure);
        await expectNothingOf(volume);
        await add(volume);
        expect(await loadedIds()).toEqual([volume.id]);
      });

      test.each([
        ['ENOSPC', 28, 'exhausted'],
        ['EDQUOT', 122, 'exhausted'],
        ['EROFS', 30, 'unavailable'],
        ['EIO', 5, 'unavailable'],
      ])('reports %s from the disk by kind', async (code, number, kind) => {
        const volume = volumeOf('a');
        const error = Object.assign(new Error(code), { code, errno: -number });
        await expect(records.add(volume, () => Promise.reject(error))).rejects.toMatchObject({
          kind,
          cause: error,
        });
        await expectNothingOf(volume);
      });

      test('passes on errors of the model unchanged', async () => {
        const error = new VolumeError('precondition', 'not now');
        await expect(records.add(volumeOf('a'), () => Promise.reject(error))).rejects.toBe(error);
      });

      test('does not touch an existing volume with the same id', async () => {
        const volume = volumeOf('a');
        await add(volume);
        await expect(add({ ...volume, name: 'b' })).rejects.toThrow();
        expect((await records.load()).found).toEqual([volume]);
        expect(await subject.exists(join(records.directoryOf(volume.id), 'data'))).toBe(true);
        expect(await subject.leftovers()).toEqual([]);
      });

      test('stores many volumes that are added at once', async () => {
        const volumes = Array.from({ length: 20 }, (_, index) => volumeOf(`volume ${index}`));
        await Promise.all(volumes.map(add));
        expect(await loadedIds()).toEqual(volumes.map(({ id }) => id).sort());
      });
    });

    describe('replace', () => {
      test('stores the new state of the volume, and leaves its content alone', async () => {
        const [kept, changed] = [volumeOf('kept'), volumeOf('changed')];
        await add(kept);
        await add(changed);
        const larger = { ...changed, capacityBytes: 2n ** 63n - 1n };
        await records.replace(larger);
        await records.replace(larger);
        expect(await records.read(changed.id)).toEqual(larger);
        expect(await records.read(kept.id)).toEqual(kept);
        const { found, damaged } = await records.load();
        expect(new Set(found)).toEqual(new Set([kept, larger]));
        expect(damaged).toEqual([]);
        expect(await subject.exists(join(records.directoryOf(changed.id), 'data'))).toBe(true);
        expect(await subject.leftovers()).toEqual([]);
      });

      test('does not create a missing volume', async () => {
        const volume = volumeOf('gone');
        await expect(records.replace(volume)).rejects.toThrow();
        await expect(records.read(volume.id)).rejects.toThrow();
        await expectNothingOf(volume);
        await add(volume);
        await records.remove(volume.id);
        await expect(records.replace(volume)).rejects.toThrow();
        await subject.idle();
        await expectNothingOf(volume);
      });
    });

    describe('replaceContent', () => {
      const mark = (directory: string) => subject.makeDirectory(join(directory, 'data', 'new'));
      const hasNew = (volume: Volume) => subject.exists(join(records.directoryOf(volume.id), 'data', 'new'));

      test('puts new content in place of the old, of which nothing is left', async () => {
        const volume = volumeOf('a');
        await add(volume);
        await subject.makeDirectory(join(records.directoryOf(volume.id), 'data', 'old'));
        await records.replaceContent(volume.id, 'data', async (directory) => {
          await buildData(directory);
          await mark(directory);
        });
        expect(await hasNew(volume)).toBe(true);
        expect(await subject.exists(join(records.directoryOf(volume.id), 'data', 'old'))).toBe(false);
        await subject.idle();
        expect(await subject.leftovers()).toEqual([]);
        expect(await loadedIds()).toEqual([volume.id]);
      });

      test('leaves the old content if the new one cannot be made', async () => {
        const volume = volumeOf('a');
        await add(volume);
        const failing = async (directory: string) => {
          await buildData(directory);
          throw new VolumeError('exhausted', 'full');
        };
        await expect(records.replaceContent(volume.id, 'data', failing)).rejects.toThrow('full');
        expect(await hasNew(volume)).toBe(false);
        expect(await subject.exists(join(records.directoryOf(volume.id), 'data'))).toBe(true);
        await subject.idle();
        expect(await subject.leftovers()).toEqual([]);
      });
    });

    describe('adopt', () => {
      const limited: string[] = [];
      const content = async (limit = async (directory: string) => void limited.push(directory)) => {
        await subject.makeDirectory(join(subject.outside, 'source'));
        await subject.makeDirectory(join(subject.outside, 'source', 'inner'));
        const from = { directory: subject.outside, name: 'source' };
        return { path: '/named/source', from, name: 'data', limit };
      };

      test('moves content into a new object, and limits it before others see it', async () => {
        const volume = volumeOf('a', { adoptedFrom: { path: '/named/source', inode: 2n ** 64n - 1n } });
        await records.adopt(volume, await content());
        expect(await records.load()).toEqual({ found: [volume], damaged: [] });
        expect(await subject.exists(join(records.directoryOf(volume.id), 'data', 'inner'))).toBe(true);
        expect(await subject.exists(join(subject.outside, 'source'))).toBe(false);
        expect(limited.at(-1)).not.toBe(records.directoryOf(volume.id));
      });

      test('leaves content where it was if it cannot be limited, or if the object exists', async () => {
        const volume = volumeOf('a');
        const failing = await content(() => Promise.reject(new VolumeError('precondition', 'no quotas')));
        await expect(records.adopt(volume, failing)).rejects.toThrow('no quotas');
        expect(await subject.exists(join(subject.outside, 'source', 'inner'))).toBe(true);
        await expectNothingOf(volume);
        await add(volume);
        const again = { ...failing, limit: async () => {} };
        await expect(records.adopt(volume, again)).rejects.toThrow();
        expect(await subject.exists(join(subject.outside, 'source', 'inner'))).toBe(true);
        expect(await loadedIds()).toEqual([volume.id]);
      });
    });

    describe('remove', () => {
      test('forgets a volume, and then destroys its content', async () => {
        const [kept, gone] = [volumeOf('kept'), volumeOf('gone')];
        await add(kept);
        await add(gone);
        await records.remove(gone.id);
        expect(await loadedIds()).toEqual([kept.id]);
        expect(await subject.exists(records.directoryOf(gone.id))).toBe(false);
        await subject.idle();
        expect(subject.destroyed).toHaveLength(1);
        expect(subject.destroyed).not.toContain(records.directoryOf(gone.id));
        expect(await subject.leftovers()).toEqual([]);
        expect(await subject.exists(join(records.directoryOf(kept.id), 'data'))).toBe(true);
      });

      test.each(['a', '../..', ''])('removing a missing volume changes nothing: %j', async (id) => {
        const volume = volumeOf('kept');
        await add(volume);
        await records.remove(id);
        await records.remove(id);
        await subject.idle();
        expect(await loadedIds()).toEqual([volume.id]);
      });

      test('an id can be reused at once', async () => {
        const volume = volumeOf('a');
        await add(volume);
        await records.remove(volume.id);
        await add(volume);
        await records.remove(volume.id);
        await subject.idle();
        await expectNothingOf(volume);
      });
    });

    describe('retain', () => {
      test('forgets a volume, and keeps its content', async () => {
        const [kept, aside] = [volumeOf('kept'), volumeOf('aside', { id: 'any/form' })];
        await add(kept);
        await add(aside);
        const deleted = { ...aside, deletion: archivedAt };
        await records.retain(deleted);
        await records.retain(deleted);
        expect(await loadedIds()).toEqual([kept.id]);
        expect(await subject.exists(records.directoryOf(aside.id))).toBe(false);
        expect((await subject.retained.load()).found).toEqual([deleted]);
        expect(await subject.exists(join(subject.retained.directoryOf(aside.id), 'data'))).toBe(true);
        await subject.idle();
        expect(subject.destroyed).toEqual([]);
      });

      test.each(['a', '../..', ''])('retaining a missing volume changes nothing: %j', async (id) => {
        const volume = volumeOf('kept');
        await add(volume);
        await records.retain(volumeOf('gone', { id }));
        expect(await loadedIds()).toEqual([volume.id]);
        expect((await subject.retained.load()).found).toEqual([]);
      });

      test('refuses a second volume with the same id, and keeps the first', async () => {
        const volume = volumeOf('a');
        await add(volume);
        await records.retain(volume);
        await add(volume);
        await expect(records.retain(volume)).rejects.toMatchObject({ kind: 'precondition' });
        expect(await loadedIds()).toEqual([volume.id]);
      });
    });

    describe('of a retained volume', () => {
      async function retainedVolume(id: string): Promise<Volume> {
        const volume = volumeOf('a', { id, deletion: archivedAt });
        await add(volume);
        await records.retain(volume);
        return volume;
      }

      test.each([newObjectId('a', 'aaaaaaaa'), 'any/form'])(
        'restore makes it exist again: %s',
        async (id) => {
          const volume = { ...(await retainedVolume(id)), name: 'another' };
          await subject.retained.restore(volume);
          expect((await records.load()).found).toEqual([{ ...volume, deletion: undefined }]);
          expect(await subject.exists(join(records.directoryOf(id), 'data'))).toBe(true);
          expect((await subject.retained.load()).found).toEqual([]);
          await subject.retained.restore(volume);
          expect(await loadedIds()).toEqual([id]);
        },
      );

      test('restore refuses one whose owner has removed it, or whose id was reused', async () => {
        const volume = await retainedVolume('a');
        const gone = volumeOf('gone', { id: 'gone' });
        await expect(subject.retained.restore(gone)).rejects.toMatchObject({ kind: 'not-found' });
        await add({ ...volume, name: 'b' });
        await expect(subject.retained.restore(volume)).rejects.toMatchObject({ kind: 'precondition' });
        expect((await records.load()).found).toMatchObject([{ name: 'b' }]);
        expect((await subject.retained.load()).found).toEqual([volume]);
      });

      test('remove destroys its content', async () => {
        const { id } = await retainedVolume('a');
        await subject.retained.remove(id);
        await subject.retained.remove(id);
        expect((await subject.retained.load()).found).toEqual([]);
        await subject.idle();
        expect(await subject.exists(subject.retained.directoryOf(id))).toBe(false);
        expect(await subject.leftovers()).toEqual([]);
      });
    });

    test('a damaged record is reported with its id, and the other records load', async () => {
      const volumes = [volumeOf('a'), volumeOf('x-YWJj'), volumeOf('b', { id: 'imported/volume' })];
      for (const volume of volumes) await add(volume);
      await add(volumeOf('whole'));
      for (const volume of volumes) await subject.damage(volume.id);
      const { found: loaded, damaged } = await records.load();
      expect(loaded.map((volume) => volume.name)).toEqual(['whole']);
      expect(damaged.map(({ id }) => id).sort()).toEqual(volumes.map(({ id }) => id).sort());
      for (const { pool, reason } of damaged) {
        expect(pool).toBe('default');
        expect(reason).not.toBe('');
      }
    });

    test('each volume has its own directory, whose name is one path component', () => {
      const ids = [
        'a',
        'A',
        '.',
        '..',
        'a/b',
        'x-YQ',
        newObjectId('a', 'aaaaaaaa'),
        newObjectId('x-YQ', 'aaaaaaaa'),
      ];
      const names = ids.map((id) => records.directoryNameOf(id));
      expect(new Set(names).size).toBe(ids.length);
      for (const [index, id] of ids.entries()) {
        expect(names[index]).toMatch(/^[\w-]+$/);
        expect(records.directoryOf(id).endsWith(`/${names[index]}`)).toBe(true);
      }
    });
  });
}

const archivedAt = { at: '2024-06-01T00:00:00.000Z', expiresAt: '2024-07-01T00:00:00.000Z' };

function volumeOf(name: string, changes: Partial<Volume> = {}): Volume {
  const { id = newObjectId(name, 'aaaaaaaa') } = changes;
  return {
    id,
    name,
    pool: 'default',
    capacityClass: undefined,
    content: { backend: 'directory' },
    capacityBytes: 1024n ** 2n,
    source: undefined,
    sharing: { lineage: id, sharedBytes: 0n },
    root: { uid: 0, gid: 0, mode: 0o777 },
    accessModes: ['SINGLE_NODE_WRITER'],
    mutable: defaultMutableParameters,
    attachment: undefined,
    inline: undefined,
    claim: undefined,
    nameTemplate: undefined,
    origin: undefined,
    createdAt: '2024-05-06T07:08:09.010Z',
    deletion: undefined,
    ...changes,
  };
}

function imageWith(fsType: FileSystemType | undefined): VolumeContent {
  return { backend: 'image', use: { accessType: 'mount', fsType } };
}
