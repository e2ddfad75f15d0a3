import { closeSync, openSync } from 'node:fs';
import { onTestFinished } from 'vitest';
import { freeze, thaw } from '../../src/kernel/mounts/freeze.ts';

/**
 * Makes a disk hang for one test: writes to the file system at this path wait in the kernel until it is thawed.
 * @returns thaws the disk
 */
export async function hang(path: string): Promise<() => Promise<void>> {
  const fd = openSync(path, 'r');
  let isFrozen = await freeze(fd);
  const goOn = async () => {
    if (!isFrozen) return;
    isFrozen = false;
    await thaw(fd);
    closeSync(fd);
  };
  onTestFinished(goOn);
  return goOn;
}
