import { randomBytes } from 'node:crypto';
import { mkdir, open, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { syncFileSystem, withDescriptor } from '../../src/kernel/calls/descriptor.ts';

const MIB = 1024 ** 2;
const SMALL_FILE_BYTES = 1024;
const FILES_OF_A_DIRECTORY = 100;

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
