import { join, relative } from 'node:path';
import { beforeEach, describe, expect, test } from 'vitest';
import type { Backend } from '../../src/volume/ports.ts';
import type { Volume } from '../../src/volume/volume.ts';

/** An implementation of Backend, and hands to look at what it makes. */
export interface BackendSubject {
  readonly backend: Backend;
  /** An existing empty directory to work in. */
  readonly directory: string;
  /** An owner and a group that this process may give files to. */
  readonly owner: { readonly uid: number; readonly gid: number };
  makeDirectory(path: string): Promise<void>;
  makeFile(path: string, content: string): Promise<void>;
  makeSymlink(path: string, to: string): Promise<void>;
  exists(path: string): Promise<boolean>;
  /** The owner, group and permission bits of a directory. */
  statusOf(path: string): Promise<{ uid: number; gid: number; mode: number }>;
}

/** What every implementation of the Backend port keeps. */
export function backendContract(name: string, makeSubject: () => Promise<BackendSubject>): void {
  describe(`${name} keeps the contract of Backend`, () => {
    let subject: BackendSubject;
    let backend: Backend;
    let directory: string;

    beforeEach(async () => {
      subject = await makeSubject();
      backend = subject.backend;
      directory = await makeVolumeDirectory('volume');
    });

    async function makeVolumeDirectory(volumeName: string): Promise<string> {
      const path = join(subject.directory, volumeName);
      await subject.makeDirectory(path);
      return path;
    }

    function volumeWith(mode: number): Volume {
      return {
        id: 'a',
        name: 'a',
        pool: 'default',
        backend: 'directory',
        capacityBytes: 1024n ** 2n,
        root: { ...subject.owner, mode },
        accessModes: ['SINGLE_NODE_WRITER'],
        createdAt: '2024-05-06T07:08:09.010Z',
      };
    }

    test('the content lies in the directory of its volume', () => {
      expect(relative(directory, backend.contentOf(directory))).toMatch(/^(?!\.\.)./);
    });

    test.each([0o777, 0o700, 0o2770, 0o1777, 0o7777, 0])(
      'the root of the content has its owner and mode to the bit, whatever the umask: %i',
      async (mode) => {
        const umask = process.umask(0o077);
        try {
          await backend.provision(directory, volumeWith(mode));
        } finally {
          process.umask(umask);
        }
        expect(await subject.statusOf(backend.contentOf(directory))).toEqual({ ...subject.owner, mode });
      },
    );

    test('provisioning fails where the directory is missing', async () => {
      await expect(
        backend.provision(join(subject.directory, 'missing'), volumeWith(0o777)),
      ).rejects.toThrow();
    });

    test('destroying removes everything the volume holds, and may be repeated', async () => {
      await backend.provision(directory, volumeWith(0o777));
      const content = backend.contentOf(directory);
      await subject.makeDirectory(join(content, 'sub'));
      await subject.makeFile(join(content, 'sub', 'file'), 'content');
      await subject.makeFile(join(directory, 'volume.json'), '{}');
      await backend.destroy(directory);
      expect(await subject.exists(directory)).toBe(false);
      await backend.destroy(directory);
    });

    test('destroying removes what was only half made', async () => {
      await backend.destroy(directory);
      expect(await subject.exists(directory)).toBe(false);
    });

    test('destroying follows no symbolic link out of the volume', async () => {
      const outside = await makeVolumeDirectory('outside');
      await subject.makeFile(join(outside, 'file'), 'content');
      await backend.provision(directory, volumeWith(0o777));
      await subject.makeSymlink(join(backend.contentOf(directory), 'link'), outside);
      await backend.destroy(directory);
      expect(await subject.exists(directory)).toBe(false);
      expect(await subject.exists(join(outside, 'file'))).toBe(true);
    });

    test('volumes do not touch each other', async () => {
      const other = await makeVolumeDirectory('other');
      await backend.provision(directory, volumeWith(0o777));
      await backend.provision(other, volumeWith(0o777));
      await backend.destroy(directory);
      expect(await subject.exists(backend.contentOf(other))).toBe(true);
    });
  });
}
