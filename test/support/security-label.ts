import { closeSync, constants, openSync } from 'node:fs';
import { securityLabel } from '../../src/kernel/attributes/security-label.ts';

const O_PATH = 0o10000000;

/** The SELinux label of a file, directory or symbolic link; undefined if it has none. */
export function labelOf(path: string): string | undefined {
  const fd = openSync(path, O_PATH | constants.O_NOFOLLOW);
  try {
    return securityLabel(fd);
  } finally {
    closeSync(fd);
  }
}
