import { execFileSync, spawnSync } from 'node:child_process';
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

const LARGEST_BYTES = 256 * 1024 ** 2;
const SMALLEST_BYTES = 4096;
const SMALL_FILES = 64;

/**
 * Fills a disk to the last block and, if files have inodes of their own, the remaining space for small files.
 * @returns frees the space again
 */
export function fillDisk(mountPoint: string): () => void {
  const directory = join(mountPoint, 'of-others');
  mkdirSync(directory);
  let count = 0;
  for (let bytes = LARGEST_BYTES; bytes >= SMALLEST_BYTES; bytes /= 2) {
    const words = ['--length', String(bytes), join(directory, `large-${count}`)];
    while (spawnSync('fallocate', words, { stdio: 'ignore' }).status === 0) {
      words[2] = join(directory, `large-${++count}`);
    }
  }
  for (let number = 0; number < SMALL_FILES && fits(join(directory, `small-${number}`)); number++);
  execFileSync('sync', ['--file-system', mountPoint]);
  return () => makeRoom(mountPoint, directory);
}

/** Takes every inode of a disk. @returns frees them again */
export function takeInodes(mountPoint: string): () => void {
  const directory = join(mountPoint, 'of-others');
  mkdirSync(directory);
  for (let number = 0; fits(join(directory, String(number)), ''); number++);
  return () => makeRoom(mountPoint, directory);
}

function fits(path: string, content = 'x'.repeat(2000)): boolean {
  try {
    writeFileSync(path, content);
    return true;
  } catch {
    return false;
  }
}

/** Some file systems free space only when they next write their changes. */
function makeRoom(mountPoint: string, directory: string): void {
  rmSync(directory, { recursive: true });
  execFileSync('sync', ['--file-system', mountPoint]);
}
