import { execFileSync } from 'node:child_process';
import { chmodSync, mkdirSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { scratchDirectory } from './scratch.ts';

const MIB = 1024 ** 2;

/** How to make a file system: the mkfs command, to which the file is added, and the mount options. */
export interface ImageOptions {
  readonly mkfs: readonly string[];
  readonly mountOptions?: string;
  readonly sizeBytes?: number | undefined;
}

/** A new file system in a sparse file, mounted for one test. @returns where it is mounted */
export function mountedImage(options: ImageOptions): string {
  return mountImageIn(scratchDirectory(), options);
}

/** The same in a given directory; the caller unmounts it. */
export function mountImageIn(
  directory: string,
  { mkfs, mountOptions, sizeBytes = 512 * MIB }: ImageOptions,
): string {
  // Users other than root can reach the mounted directory.
  chmodSync(directory, 0o755);
  const image = join(directory, 'image');
  const mountPoint = join(directory, 'mounted');
  writeFileSync(image, '');
  truncateSync(image, sizeBytes);
  mkdirSync(mountPoint);
  const [command = '', ...words] = mkfs;
  execFileSync(command, [...words, image], { stdio: ['ignore', 'ignore', 'inherit'] });
  const options = ['loop', ...(mountOptions === undefined ? [] : [mountOptions])].join();
  execFileSync('mount', ['-o', options, image, mountPoint]);
  return mountPoint;
}
