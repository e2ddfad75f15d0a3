import { randomBytes } from 'node:crypto';
import { linkSync, mkdirSync, writeFileSync } from 'node:fs';
import { mkdir, open, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { syncFileSystem, withDescriptor } from '../../src/kernel/calls/descriptor.ts';

const MIB = 1024 ** 2;
const SMALL_FILE_BYTES = 1024;
const FILES_OF_A_DIRECTORY = 100;
const LINKS_OF_A_FILE = 10_000;

/** What a volume holds. */
export interface Content {
  readonly label: string;
  /** Writes it into a volume, synced. */
  readonly write: (directory: string) => Promise<void>;
}

/** One file. */
export function oneFile(mib: number): Content {
  return {
    label: mib % 1024 === 0 ? `${mib / 1024} GiB` : `${mib} MiB`,
    async write(directory) {
      const file = await open(join(directory, 'file'), 'wx');
      try {
        const block = randomBytes(MIB);
        for (let written = 0; written < mib; written++) await file.writeFile(block);
        await file.sync();
      } finally {
        await file.close();
      }
    },
  };
}

/** Files of one kibibyte, a hundred in a directory. */
export function smallFiles(count: number): Content {
  return {
    label: count === 1 ? '1 file' : `${count.toLocaleString('en')} files`,
    async write(directory) {
      const text = randomBytes(SMALL_FILE_BYTES);
      for (let start = 0; start < count; start += FILES_OF_A_DIRECTORY) {
        const parent = join(directory, `d${start}`);
        await mkdir(parent);
        const number = Math.min(FILES_OF_A_DIRECTORY, count - start);
        await Promise.all(
          Array.from({ length: number }, (_, index) => writeFile(join(parent, `f${index}`), text)),
        );
      }
      await withDescriptor(directory, 'r', syncFileSystem);
    },
  };
}

/** Empty files in one directory, which cost little to make. */
export function emptyFiles(count: number): Content {
  return {
    label: `${count.toLocaleString('en')} files`,
    async write(directory) {
      // Synchronously, because a trip for each takes seconds.
      for (let index = 0; index < count; index++) writeFileSync(join(directory, `f${index}`), '');
      await withDescriptor(directory, 'r', syncFileSystem);
    },
  };
}

/** Names of a few files, very many of each. */
export function hardLinks(count: number): Content {
  return {
    label: `${count.toLocaleString('en')} hard links`,
    async write(directory) {
      // Ten thousand links in a directory, and as many of a file. Synchronously, because a trip for each takes minutes.
      for (let start = 0; start < count; start += LINKS_OF_A_FILE) {
        const parent = join(directory, `d${start}`);
        const file = join(parent, 'f0');
        mkdirSync(parent);
        writeFileSync(file, '');
        const number = Math.min(LINKS_OF_A_FILE, count - start);
        for (let index = 1; index < number; index++) linkSync(file, join(parent, `f${index}`));
      }
      await withDescriptor(directory, 'r', syncFileSystem);
    },
  };
}
