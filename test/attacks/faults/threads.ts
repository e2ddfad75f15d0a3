import { readdirSync } from 'node:fs';
import type { SystemCall } from './strace.ts';

/** The system calls of an event loop. */
export const waits = ['epoll_wait', 'epoll_pwait'];

/** What a thread does: one of Node's own, a task of a worker, or a call in libuv's pool. */
export type Role = 'main' | 'worker' | 'pool';

/** The threads that make system calls, and what they do: workers have an event loop, those of the pool have none. */
export function rolesOf(pid: number, calls: readonly SystemCall[]): Map<number, Role> {
  const waiting = new Set(calls.filter(({ name }) => waits.includes(name)).map(({ thread }) => thread));
  const running = readdirSync(`/proc/${pid}/task`).map(Number);
  const used = new Set(calls.map(({ thread }) => thread));
  return new Map(
    running
      .filter((thread) => used.has(thread))
      .map((thread) => [thread, thread === pid ? 'main' : waiting.has(thread) ? 'worker' : 'pool']),
  );
}
