import { readFileSync } from 'node:fs';

/**
 * Whether the tests run as root of the host. An ordinary user is root in a user namespace, which has no other users
 * and no devices, and where access times of the host's mounts are locked.
 */
export const isHostRoot =
  process.geteuid?.() === 0 && /^\s*0\s+0\s+4294967295\s*$/.test(readFileSync('/proc/self/uid_map', 'utf8'));
