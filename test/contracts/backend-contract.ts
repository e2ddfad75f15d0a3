import { join, relative } from 'node:path';
import { beforeEach, describe, expect, test } from 'vitest';
import {
  defaultMutableParameters,
  isCapacityEnforced,
  type Volume,
  type VolumeContent,
} from '../../src/model/objects/volume.ts';
import type { Backend, CopyControl, Original } from '../../src/model/ports/ports.ts';
import { isHostRoot } from '../support/host-root.ts';
import { makeContent } from './make-content.ts';

/** An implementation of Backend, and helpers to inspect what it makes. */
export interface BackendSubject {
  readonly backend: Backend;
  /** An existing empty directory to work in. */
  readonly directory: string;
  /** An owner and a group that this process may give files to. */
  readonly owner: { readonly uid: number; readonly gid: number };
  /** The content of a new volume, with a unique id where the file system needs one. */
  newContent(): Promise<VolumeContent>;
  makeDirectory(path: string): Promise<void>;
  makeFile(path: string, content: string): Promise<void>;
  makeSymlink(path: string, to: string): Promise<void>;
  exists(path: string): Promise<boolean>;
  readText(path: string): Promise<string>;
  /** The owner, group and permission bits of a directory. */
  statusOf(path: string): Promise<{ uid: number; gid: number; mode: number }>;
  /** Removes a path, as an administrator would. */
  remove(path: string): Promise<void>;
  /** Cuts a file off after so many bytes. */
  truncate(path: string, bytes: bigint): Promise<void>;
  /** Replaces the content with a copy of itself, as restoring single files would (cp -a). */
  restoreByHand(content: string): Promise<void>;
  /** The length of a file. */
  sizeOf(path: string): Promise<bigint>;
  /** Writes this many bytes into a volume's content, a directory or an image, and waits until they are counted. */
  write(content: string, bytes: number): Promise<void>;
}

const MIB = 1024n ** 2n;
const CAPACITY_BYTES = 64n * MIB;
const WRITTEN_BYTES = MIB;

const going: CopyControl = { signal: new AbortController().signal, onBytes: () => {}, onWait: () => {} };

/** What every implementation of the Backend port must do. */
export function backendContract(
  name: string,
  makeSubject: () => Promise<BackendSubject>,
  { isImage = false } = {},
): void {
  describe(`${name} fulfils the Backend contract`, () => {
    let subject: BackendSubject;
    let backend: Backend;
    let directory: string;
    let content: string;

    beforeEach(async () => {
      subject = await makeSubject();
      backend = subject.backend;
      directory = await makeVolumeDirectory('volume');
      content = backend.contentOf(directory);
    });

    async function makeVolumeDirectory(volumeName: string): Promise<string> {
      const path = join(subject.directory, volumeName);
      await subject.makeDirectory(path);
      return path;
    }

    async function newVolume(id = 'a', mode = 0o777): Promise<Volume> {
      return {
        id,
        name: id,
        pool: 'default',
        capacityClass: undefined,
        content: await subject.newContent(),
        capacityBytes: CAPACITY_BYTES,
        source: undefined,
        sharing: { lineage: id, sharedBytes: 0n },
        root: { ...subject.owner, mode },
        accessModes: ['SINGLE_NODE_WRITER'],
        mutable: defaultMutableParameters,
        attachment: undefined,
        inline: undefined,
        claim: undefined,
        nameTemplate: undefined,
        origin: undefined,
        createdAt: '2024-05-06T07:08:09.010Z',
        deletion: undefined,
      };
    }

    async function provision(path: string, volume: Volume): Promise<void> {
      await makeContent(path, backend.emptyContent(volume));
    }

    async function provisioned(): Promise<Volume> {
      const volume = await newVolume();
      await provision(directory, volume);
      return volume;
    }

    /** The size limit of the volume, as far as it is stored outside its record. */
    async function sizeOf(volume: Volume): Promise<bigint | undefined> {
      if (isImage) return subject.sizeOf(content);
      return (await backend.usage(directory, volume))?.bytes.total;
    }

    test('the content is inside the directory of its volume', () => {
      expect(relative(directory, content)).toMatch(/^(?!\.\.)./);
    });

    describe('provision', () => {
      test.skipIf(isImage).each([0o777, 0o700, 0o2770, 0o1777, 0o7777, 0])(
        'gives the root of the content exactly the requested owner and mode, whatever the umask: %i',
        async (mode) => {
          const umask = process.umask(0o077);
          try {
            await provision(directory, await newVolume('a', mode));
          } finally {
            process.umask(umask);
          }
          expect(await subject.statusOf(content)).toEqual({ ...subject.owner, mode });
        },
      );

      test('fails where the directory is missing', async () => {
        const missing = join(subject.directory, 'missing');
        await expect(provision(missing, await newVolume())).rejects.toThrow();
      });

      test('provisions the requested size where the backend enforces it', async () => {
        const volume = await provisioned();
        const isHeld = isCapacityEnforced(volume.content);
        expect(await sizeOf(volume)).toBe(isHeld ? CAPACITY_BYTES : undefined);
      });
    });

    /** A volume with content, and the request to copy it. */
    async function filled(): Promise<{ volume: Volume; original: Original }> {
      const volume = await provisioned();
      await subject.write(content, Number(WRITTEN_BYTES));
      if (!isImage) await subject.makeFile(join(content, 'file'), 'before');
      return { volume, original: { pool: volume.pool, backend: volume.content.backend, path: content } };
    }

    async function expectCopied(copy: string): Promise<void> {
      if (isImage) expect(await backend.copyBytes(copy, going.signal)).toBeGreaterThanOrEqual(WRITTEN_BYTES);
      else expect(await subject.readText(join(copy, 'file'))).toBe('before');
    }

    describe('snapshot', () => {
      test('keeps the content of the volume, whatever happens to the volume', async () => {
        const { volume, original } = await filled();
        const snapshot = await makeVolumeDirectory('snapshot');
        await backend.snapshot(snapshot, original, going);
        if (!isImage) await subject.makeFile(join(content, 'file'), 'after');
        await expectCopied(backend.contentOf(snapshot));
        await backend.destroy(directory, volume);
        await expectCopied(backend.contentOf(snapshot));
      });

      test('can be destroyed without its volume, and more than once', async () => {
        const { original } = await filled();
        const snapshot = await makeVolumeDirectory('snapshot');
        await backend.snapshot(snapshot, original, going);
        await backend.destroy(snapshot);
        expect(await subject.exists(snapshot)).toBe(false);
        await backend.destroy(snapshot);
        await expectCopied(content);
      });

      test('fails where its directory is missing', async () => {
        const { original } = await filled();
        const missing = join(subject.directory, 'missing');
        await expect(backend.snapshot(missing, original, going)).rejects.toThrow();
      });
    });

    describe('provisionCopy', () => {
      test('has the content of the original, and a limit of its own', async () => {
        const { original } = await filled();
        const copy = await makeVolumeDirectory('copy');
        const capacityBytes = 2n * CAPACITY_BYTES;
        const volume = { ...(await newVolume('copy')), capacityBytes };
        await backend.provisionCopy(copy, volume, original, going);
        await expectCopied(backend.contentOf(copy));
        const held = isImage
          ? await subject.sizeOf(backend.contentOf(copy))
          : (await backend.usage(copy, volume))?.bytes.total;
        expect(held).toBe(isCapacityEnforced(volume.content) ? capacityBytes : undefined);
      });

      test('can be made from a snapshot, which stays unchanged', async () => {
        const { original } = await filled();
        const snapshot = await makeVolumeDirectory('snapshot');
        await backend.snapshot(snapshot, original, going);
        const copy = await makeVolumeDirectory('copy');
        const path = backend.contentOf(snapshot);
        await backend.provisionCopy(copy, await newVolume('copy'), { ...original, path }, going);
        if (!isImage) await subject.makeFile(join(backend.contentOf(copy), 'file'), 'after');
        await expectCopied(path);
      });
    });

    describe('content that arrives', () => {
      const sizeBytes = CAPACITY_BYTES;

      test('is written into an image of its size or an empty directory, within the limit', async () => {
        const volume = await newVolume();
        const paths: string[] = [];
        const write = async (path: string) => {
          expect(await subject.exists(path)).toBe(true);
          if (isImage) expect(await subject.sizeOf(path)).toBe(sizeBytes);
          else await subject.makeFile(join(path, 'file'), 'arrived');
          paths.push(path);
        };
        await backend.provisionCopy(
          directory,
          volume,
          { base: undefined, sizeBytes, isSubvolume: false, write },
          going,
        );
        const snapshot = await makeVolumeDirectory('snapshot');
        await backend.snapshot(snapshot, { base: undefined, sizeBytes, isSubvolume: false, write }, going);
        expect(paths).toEqual([content, backend.contentOf(snapshot)]);
        expect(await sizeOf(volume)).toBe(isCapacityEnforced(volume.content) ? CAPACITY_BYTES : undefined);
        if (!isImage) expect(await subject.readText(join(content, 'file'))).toBe('arrived');
      });

      test('makes it fail if it does', async () => {
        const write = () => Promise.reject(new Error('cut short'));
        const source = { base: undefined, sizeBytes, isSubvolume: false, write };
        await expect(backend.provisionCopy(directory, await newVolume(), source, going)).rejects.toThrow(
          'cut short',
        );
      });

      test('changes a copy of its base', async () => {
        if (!isImage) return;
        const { original } = await filled();
        const copy = await makeVolumeDirectory('copy');
        const write = (path: string) => expectCopied(path);
        await backend.provisionCopy(
          copy,
          await newVolume(),
          { base: original, sizeBytes, isSubvolume: false, write },
          going,
        );
        await expectCopied(backend.contentOf(copy));
      });
    });

    describe('expand', () => {
      test('raises the limit exactly, to the byte', async () => {
        const volume = await provisioned();
        const capacityBytes = 2n * CAPACITY_BYTES;
        await backend.applyLimits(directory, { ...volume, capacityBytes });
        const isHeld = isCapacityEnforced(volume.content);
        expect(await sizeOf({ ...volume, capacityBytes })).toBe(isHeld ? capacityBytes : undefined);
      });

      test('to the current size changes nothing, and can be repeated', async () => {
        const volume = await provisioned();
        const before = await sizeOf(volume);
        await backend.applyLimits(directory, volume);
        await backend.applyLimits(directory, volume);
        expect(await sizeOf(volume)).toBe(before);
      });

      test.runIf(isImage)('never truncates anything', async () => {
        const volume = await provisioned();
        await backend.applyLimits(directory, { ...volume, capacityBytes: CAPACITY_BYTES / 2n });
        expect(await sizeOf(volume)).toBe(CAPACITY_BYTES);
      });
    });

    describe('restoreLimits', () => {
      test('sets a wrong limit to the recorded size, and then changes nothing', async () => {
        const volume = await provisioned();
        expect(await backend.restoreLimits(directory, volume)).toBe(false);
        const isRaised = isCapacityEnforced(volume.content) && !isImage;
        for (const capacityBytes of isImage ? [] : [2n * CAPACITY_BYTES, CAPACITY_BYTES / 2n]) {
          await backend.applyLimits(directory, { ...volume, capacityBytes });
          expect(await backend.restoreLimits(directory, volume, { isDryRun: true })).toBe(isRaised);
          expect(await backend.restoreLimits(directory, volume)).toBe(isRaised);
          expect(await sizeOf(volume)).toBe(isRaised ? CAPACITY_BYTES : undefined);
          expect(await backend.restoreLimits(directory, volume)).toBe(false);
        }
        expect(await backend.faultsOf(directory, volume)).toEqual([]);
      });

      test.runIf(isImage)('does not pad a truncated image', async () => {
        const volume = await provisioned();
        await subject.truncate(content, CAPACITY_BYTES / 2n);
        expect(await backend.restoreLimits(directory, volume)).toBe(false);
        expect(await subject.sizeOf(content)).toBe(CAPACITY_BYTES / 2n);
      });
    });

    describe('content that was restored by hand', () => {
      /** A volume whose content is a copy made by other programs, and whether its size should be enforced. */
      async function restored() {
        const { volume } = await filled();
        await subject.restoreByHand(content);
        const isHeld = isCapacityEnforced(volume.content);
        return { volume, isHeld, isUnheld: isHeld && !isImage };
      }

      test('is not reported as lost; if its size is no longer enforced, that is reported, and it has no usage', async () => {
        const { volume, isUnheld } = await restored();
        expect(await backend.lossOf(directory, volume)).toBeUndefined();
        const faults = await backend.faultsOf(directory, volume);
        expect(faults.map(({ kind }) => kind)).toEqual(isUnheld ? ['not-held'] : []);
        if (!isUnheld) return;
        expect(faults[0]?.message).toContain(`"${volume.id}"`);
        expect(await backend.usage(directory, volume)).toBeUndefined();
        expect((await backend.occupiedBytes(directory, volume)).total).toBe(0n);
      });

      test('gets no limit from an expansion or a comparison with the record, and neither fails', async () => {
        const { volume, isUnheld } = await restored();
        const grown = { ...volume, capacityBytes: 2n * CAPACITY_BYTES };
        await backend.applyLimits(directory, grown);
        expect(await backend.restoreLimits(directory, grown)).toBe(false);
        if (!isUnheld) return;
        expect(await backend.usage(directory, grown)).toBeUndefined();
        expect(await backend.faultsOf(directory, grown)).toHaveLength(1);
      });

      test('is copied to volumes and snapshots, and restored snapshots are copied too', async () => {
        const originalIn = async (from: string) => ({ pool: 'default', ...(await backend.originalIn(from)) });
        await restored();
        const snapshot = await makeVolumeDirectory('snapshot');
        await backend.snapshot(snapshot, await originalIn(directory), going);
        await expectCopied(backend.contentOf(snapshot));
        await subject.restoreByHand(backend.contentOf(snapshot));
        for (const [name, from] of [
          ['clone', directory],
          ['restored', snapshot],
        ] as const) {
          const copy = await makeVolumeDirectory(name);
          const volume = await newVolume(name);
          await backend.provisionCopy(copy, volume, await originalIn(from), going);
          await expectCopied(backend.contentOf(copy));
          expect(await backend.faultsOf(copy, volume)).toEqual([]);
        }
        await backend.destroy(snapshot);
        expect(await subject.exists(snapshot)).toBe(false);
      });

      test('is removed when it is destroyed', async () => {
        const { volume } = await restored();
        await backend.destroy(directory, volume);
        expect(await subject.exists(directory)).toBe(false);
      });
    });

    describe('usage', () => {
      test('agrees with what was written, if the volume has a limit of its own', async () => {
        const volume = await provisioned();
        const before = await backend.usage(directory, volume);
        await subject.write(content, Number(WRITTEN_BYTES));
        const after = await backend.usage(directory, volume);
        expect(after === undefined).toBe(before === undefined);
        if (!before || !after) return;
        expect(before.bytes.used).toBeLessThan(WRITTEN_BYTES);
        expect(after.bytes.used).toBeGreaterThanOrEqual(WRITTEN_BYTES);
        expect(after.bytes.total).toBe(CAPACITY_BYTES);
        expect(after.bytes.used + after.bytes.available).toBeLessThanOrEqual(CAPACITY_BYTES);
      });

      test('reports the disk usage of a volume whose size is enforced', async () => {
        const volume = await provisioned();
        expect((await backend.occupiedBytes(directory, volume)).total).toBeLessThan(WRITTEN_BYTES);
        await subject.write(content, Number(WRITTEN_BYTES));
        const { total: occupied } = await backend.occupiedBytes(directory, volume);
        if (isCapacityEnforced(volume.content)) expect(occupied).toBeGreaterThanOrEqual(WRITTEN_BYTES);
        else expect(occupied).toBe(0n);
      });
    });

    // Only root can check whether an image is attached.
    describe.skipIf(isImage && !isHostRoot)('undoGrowth', () => {
      test('undoes an expansion, and can be repeated', async () => {
        const volume = await provisioned();
        await subject.write(content, 4096);
        await backend.applyLimits(directory, { ...volume, capacityBytes: 2n * CAPACITY_BYTES });
        for (const _ of ['once', 'again']) {
          expect(await backend.undoGrowth(directory, volume)).toBe(CAPACITY_BYTES);
          const usage = await backend.usage(directory, volume);
          if (usage) expect(usage.bytes.total).toBe(CAPACITY_BYTES);
          expect(await backend.lossOf(directory, volume)).toBeUndefined();
        }
      });
    });

    describe('lossOf', () => {
      test('finds no loss in content that was made, copied or expanded', async () => {
        const { volume, original } = await filled();
        expect(await backend.lossOf(directory, volume)).toBeUndefined();
        const copy = await makeVolumeDirectory('copy');
        const copied = await newVolume('copy');
        await backend.provisionCopy(copy, copied, original, going);
        expect(await backend.lossOf(copy, copied)).toBeUndefined();
        const capacityBytes = 2n * CAPACITY_BYTES;
        await backend.applyLimits(directory, { ...volume, capacityBytes: capacityBytes });
        expect(await backend.lossOf(directory, { ...volume, capacityBytes })).toBeUndefined();
        // Until its record has the larger size.
        expect(await backend.lossOf(directory, volume)).toBeUndefined();
      });

      test.each(['the content', 'the directory of the volume'])('reports that %s is gone', async (what) => {
        const volume = await provisioned();
        await subject.remove(what === 'the content' ? content : directory);
        expect(await backend.lossOf(directory, volume)).toEqual({ kind: 'missing' });
      });

      test('accepts no other file type as the content', async () => {
        const volume = await provisioned();
        await subject.remove(content);
        if (isImage) await subject.makeDirectory(content);
        else await subject.makeFile(content, 'content');
        expect(await backend.lossOf(directory, volume)).toEqual({ kind: 'missing' });
        await subject.remove(content);
        await subject.makeSymlink(content, directory);
        expect(await backend.lossOf(directory, volume)).toEqual({ kind: 'missing' });
      });

      test.runIf(isImage)('reports where an image is too short', async () => {
        const volume = await provisioned();
        await subject.truncate(content, CAPACITY_BYTES - 1n);
        const sizeBytes = CAPACITY_BYTES - 1n;
        expect(await backend.lossOf(directory, volume)).toEqual({ kind: 'truncated', sizeBytes });
      });
    });

    describe('destroy', () => {
      test('removes everything the volume holds, and may be repeated', async () => {
        const volume = await provisioned();
        await subject.write(content, 4096);
        await subject.makeFile(join(directory, 'volume.json'), '{}');
        if (!isImage) {
          await subject.makeDirectory(join(content, 'sub'));
          await subject.makeFile(join(content, 'sub', 'file'), 'content');
        }
        await backend.destroy(directory, volume);
        expect(await subject.exists(directory)).toBe(false);
        await backend.destroy(directory, volume);
      });

      test('removes half-made content', async () => {
        await subject.makeFile(join(directory, 'volume.json'), '{}');
        await backend.destroy(directory, await newVolume());
        expect(await subject.exists(directory)).toBe(false);
      });

      test.skipIf(isImage)('does not follow symbolic links out of the volume', async () => {
        const outside = await makeVolumeDirectory('outside');
        await subject.makeFile(join(outside, 'file'), 'content');
        const volume = await provisioned();
        await subject.makeSymlink(join(content, 'link'), outside);
        await backend.destroy(directory, volume);
        expect(await subject.exists(directory)).toBe(false);
        expect(await subject.exists(join(outside, 'file'))).toBe(true);
      });

      test('leaves other volumes alone', async () => {
        const other = await makeVolumeDirectory('other');
        const otherVolume = await newVolume('other');
        await provision(other, otherVolume);
        const before = await backend.usage(other, otherVolume);
        await backend.destroy(directory, await provisioned());
        expect(await subject.exists(backend.contentOf(other))).toBe(true);
        expect((await backend.usage(other, otherVolume))?.bytes.total).toBe(before?.bytes.total);
      });
    });
  });
}
