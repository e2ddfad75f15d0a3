import { basename } from 'node:path';
import { expect } from 'vitest';
import { withoutChance } from './node-state.ts';
import type { SystemCall } from './strace.ts';
import { syncs, writes } from './system-calls.ts';

/** A sync that was only interrupted has not failed: it is made again. */
export function isFailedSync({ name, result }: SystemCall): boolean {
  return syncs.includes(name) && !result.includes('EINTR');
}

/**
 * Expects a call that succeeded not to need the sync that failed: another file was written and synced instead, or it was about
 * the mark of a freeze that is over.
 * @param before the calls of the thread before the sync
 * @param after those after it
 */
export function expectReplaced(failed: SystemCall, before: SystemCall[], after: SystemCall[]): void {
  const removesMark = before.some(({ name, args }) => name === 'unlink' && args.includes('/frozen/'));
  if (failed.args.includes('/frozen>') && removesMark) return;
  const isRecord = ({ name, args }: SystemCall) => name === 'write' && args.includes('{');
  const written = after.findIndex(isRecord);
  const isSynced = after.slice(written).some(({ name, result }) => name === 'fsync' && result === '0');
  expect(written > 0 && isSynced, 'a failed sync is not taken for a success').toBe(true);
}

/**
 * Expects a repeated call to sync again what could not be synced and, if it is a file that it writes, to write it before: the kernel may have
 * dropped what it could not write, and would report the next sync as successful.
 */
export function expectSyncedAgain(
  { args }: SystemCall,
  repeated: readonly SystemCall[],
  { isWritten }: { isWritten: boolean },
): void {
  const file = openFileOf(args);
  const names = repeated.filter((call) => openFileOf(call.args) === file).map(({ name }) => name);
  expect(names, `syncs ${file} again`).toEqual(expect.arrayContaining([expect.stringMatching(/sync/)]));
  if (!isWritten || !/\.(json|new)$|^image$/.test(file)) return;
  const isWrite = expect.stringMatching(writes.join('|'));
  expect(names, `writes ${file} again`).toEqual(expect.arrayContaining([isWrite]));
}

/** The name of the file that a call is about. */
export function openFileOf(args: string): string {
  const [, path = ''] = /^\d+<(.*?)>/.exec(args) ?? [];
  return withoutChance(basename(path));
}
