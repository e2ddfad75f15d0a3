import type { EntryName } from './entry-name.ts';
import { callSync, numberedCall } from './libc.ts';

const getdents = numberedCall('getdents64', process.arch === 'arm64' ? 61 : 217, ['int', 'void *', 'size_t']);

/** struct linux_dirent64; the name follows it. */
const dirent = { length: 16, type: 18, name: 19 } as const;
const DT_UNKNOWN = 0;
const DT_DIR = 4;
const DOT = 0x2e;
const BLOCK_BYTES = 32_768;

/** An entry of a directory, when it was listed. */
export interface DirectoryEntry {
  readonly name: EntryName;
  /** Undefined if the file system does not say. */
  readonly isDirectory: boolean | undefined;
}

// Blocks that no list uses: walks need one for each level, over and over.
const freeBlocks: Buffer[] = [];

/**
 * The entries of a directory that is open for reading, from where its position is; only a block of them is in memory.
 * A name is valid until the next is read. Blocks its thread.
 */
export function* entriesOf(fd: number): Generator<DirectoryEntry, void, undefined> {
  const block = freeBlocks.pop() ?? Buffer.allocUnsafeSlow(BLOCK_BYTES);
  try {
    for (;;) {
      const bytes = callSync(getdents, fd, fd, block, block.length);
      if (bytes === 0) return;
      for (let at = 0; at < bytes; at += block.readUInt16LE(at + dirent.length)) {
        const name = block.subarray(at + dirent.name, block.indexOf(0, at + dirent.name) + 1);
        if (isDots(name)) continue;
        const type = block[at + dirent.type];
        yield { name, isDirectory: type === DT_UNKNOWN ? undefined : type === DT_DIR };
      }
    }
  } finally {
    freeBlocks.push(block);
  }
}

function isDots(name: EntryName): boolean {
  return name[0] === DOT && (name.length === 2 || (name[1] === DOT && name.length === 3));
}
