import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { syncFileSystem, withDescriptor } from '../kernel/calls/descriptor.ts';
import { removeTree } from '../kernel/workers/tree-tasks.ts';
import type { Removals } from '../model/ports/pool.ts';

/** What a removal queue needs from its caller. */
export interface RemovalParts {
  /** Removes one directory. */
  readonly remove: (directory: string) => Promise<void>;
  /** Called when a directory cannot be removed; not called again for the same error. */
  readonly onFailure: (directory: string, error: unknown, retryMs: number) => void;
  /** Called when a directory is removed that could not be removed before. */
  readonly onRecovery: (directory: string) => void;
  /**
   * Schedules a callback.
   * @returns a function that cancels it
   */
  readonly after?: (delayMs: number, callback: () => void) => () => void;
}

interface Failure {
  readonly count: number;
  readonly reason: string;
}

/**
 * Removes directories in the background, a few at a time: DeleteVolume answers once the volume is forgotten, and its
 * content is removed later. Failed removals are retried at growing intervals; those left when the process ends are
 * retried at the next start.
 */
export class RemovalQueue {
  private readonly parts: RemovalParts;
  private readonly after: NonNullable<RemovalParts['after']>;
  private readonly waiting: string[] = [];
  private readonly preparations = new Map<string, () => Promise<void>>();
  private readonly failures = new Map<string, Failure>();
  /** What cancels the next attempt of each directory that waits for one. */
  private readonly retries = new Map<string, () => void>();
  private readonly attemptListeners = new Map<string, (() => void)[]>();
  private readonly idleListeners: (() => void)[] = [];
  private runningCount = 0;
  private isStopped = false;

  constructor(parts: RemovalParts) {
    this.parts = parts;
    this.after = parts.after ?? afterTimeout;
  }

  /** What is still to be removed; stuck are the directories whose removal has failed several times in a row. */
  get state(): Removals {
    const stuck = [...this.failures]
      .filter(([, { count }]) => count >= STUCK_AFTER_FAILURES)
      .map(([directory, { reason }]) => ({ directory, reason }));
    const pendingCount = this.waiting.length + this.runningCount + this.retries.size;
    return { pendingCount, failingCount: this.failures.size, stuck };
  }

  /** @param prepare done once before the removal, and as often as that until it succeeds */
  add(directory: string, prepare?: () => Promise<void>): void {
    if (prepare) this.preparations.set(directory, prepare);
    this.waiting.push(directory);
    this.startNext();
  }

  /**
   * Tries again now to remove a directory that waits for it.
   * @returns why it cannot be removed; undefined if nothing is left of it
   */
  async retry(directory: string): Promise<string | undefined> {
    const cancel = this.retries.get(directory);
    if (cancel) {
      cancel();
      this.retries.delete(directory);
      const attempt = new Promise<void>((resolve) => {
        this.attemptListeners.set(directory, [...(this.attemptListeners.get(directory) ?? []), resolve]);
      });
      this.add(directory);
      await attempt;
    }
    return this.failures.get(directory)?.reason;
  }

  /** Starts no more removals; resolves when the running ones have ended. */
  stop(): Promise<void> {
    this.isStopped = true;
    this.waiting.length = 0;
    for (const cancel of this.retries.values()) cancel();
    this.retries.clear();
    return this.idle();
  }

  /** Resolves when nothing is left to remove except directories that wait for a retry. */
  idle(): Promise<void> {
    if (this.runningCount === 0) return Promise.resolve();
    return new Promise((resolve) => this.idleListeners.push(resolve));
  }

  private startNext(): void {
    const limit = this.waiting.length > LONG_BACKLOG ? BACKLOG_CONCURRENCY_LIMIT : CONCURRENCY_LIMIT;
    if (this.isStopped || this.runningCount >= limit) return;
    const directory = this.waiting.shift();
    if (directory === undefined) return;
    this.runningCount++;
    void this.remove(directory)
      .then(
        () => this.recovered(directory),
        (error: unknown) => this.retryLater(directory, error),
      )
      .finally(() => this.finishOne(directory));
  }

  private remove(directory: string): Promise<void> {
    const prepare = this.preparations.get(directory);
    return prepare ? this.prepareAndRemove(directory, prepare) : this.parts.remove(directory);
  }

  private async prepareAndRemove(directory: string, prepare: () => Promise<void>): Promise<void> {
    await prepare();
    this.preparations.delete(directory);
    await this.parts.remove(directory);
  }

  private recovered(directory: string): void {
    if (this.failures.delete(directory)) this.parts.onRecovery(directory);
  }

  private retryLater(directory: string, error: unknown): void {
    const before = this.failures.get(directory);
    const reason = error instanceof Error ? error.message : String(error);
    const count = (before?.count ?? 0) + 1;
    this.failures.set(directory, { count, reason });
    const retryMs = Math.min(FIRST_RETRY_MS * 2 ** (count - 1), LAST_RETRY_MS);
    if (reason !== before?.reason) this.parts.onFailure(directory, error, retryMs);
    if (this.isStopped) return;
    const cancel = this.after(retryMs, () => {
      this.retries.delete(directory);
      this.add(directory);
    });
    this.retries.set(directory, cancel);
  }

  private finishOne(directory: string): void {
    this.runningCount--;
    for (const listener of this.attemptListeners.get(directory) ?? []) listener();
    this.attemptListeners.delete(directory);
    this.startNext();
    if (this.runningCount === 0) for (const listener of this.idleListeners.splice(0)) listener();
  }
}

function afterTimeout(delayMs: number, callback: () => void): () => void {
  const timer = setTimeout(callback, delayMs);
  // The timer must not keep the process alive.
  timer.unref();
  return () => clearTimeout(timer);
}

const CONCURRENCY_LIMIT = 2;
// Calls that delete volumes faster than two removals at a time would make the backlog, its memory and its space on the disk grow
// as long as they go on.
const LONG_BACKLOG = 64;
const BACKLOG_CONCURRENCY_LIMIT = 4;
/** By then, removal has been retried for 15 seconds. */
const STUCK_AFTER_FAILURES = 5;
const FIRST_RETRY_MS = 1000;
const LAST_RETRY_MS = 300_000;

/**
 * Removes the contents of an object's directory except its record: for a full disk, where the directory cannot be
 * moved. After a crash at any point, the record describes what is left. The space is free when this returns.
 */
export async function emptyObject(directory: string, recordName: string): Promise<void> {
  const names = (await readdir(directory)).filter((name) => name !== recordName);
  for (const name of names) await removeTree(join(directory, name));
  await withDescriptor(directory, 'r', syncFileSystem);
}
