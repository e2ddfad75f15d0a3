import { readFileSync } from 'node:fs';
import { withPath } from '../../src/kernel/calls/path-handle.ts';
import { statusOf } from '../../src/kernel/calls/statx.ts';

/** The options of the mount at a path as /proc/self/mountinfo shows them, for instance `['ro', 'relatime']`. */
export async function mountOptionsAt(path: string): Promise<string[]> {
  const { mountId, isMountRoot } = await withPath(path, statusOf);
  if (!isMountRoot) throw new Error(`nothing is mounted at ${path}`);
  const lines = readFileSync('/proc/self/mountinfo', 'utf8').split('\n');
  const options = lines.find((line) => line.startsWith(`${mountId} `))?.split(' ')[5];
  return options?.split(',') ?? [];
}
