import { closeSync, constants, mkdirSync, openSync } from 'node:fs';

/**
 * Makes nested directories below an existing one, to any depth: paths too long for the kernel are made from open
 * directories.
 */
export function makeDeep(directory: string, names: readonly string[]): void {
  const chunkLength = 10;
  let fd = openDirectory(directory);
  for (let index = 0; index < names.length; index += chunkLength) {
    const path = `/proc/self/fd/${fd}/${names.slice(index, index + chunkLength).join('/')}`;
    mkdirSync(path, { recursive: true });
    const next = openDirectory(path);
    closeSync(fd);
    fd = next;
  }
  closeSync(fd);
}

/** Names of nested directories such that the path below `directory` has exactly this many bytes. */
export function namesForLength(directory: string, lengthBytes: number): string[] {
  const names: string[] = [];
  let rest = lengthBytes - Buffer.byteLength(directory);
  for (; rest > 256; rest -= 201) names.push('d'.repeat(200));
  return [...names, 'e'.repeat(rest - 1)];
}

function openDirectory(path: string): number {
  return openSync(path, constants.O_RDONLY | constants.O_DIRECTORY);
}
