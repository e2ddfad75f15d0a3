import { syncPath } from './durable-file.ts';

/**
 * Syncs of one directory, shared by those who ask at the same time: whoever comes while one runs waits for the
 * next, which covers all that came meanwhile. With many writers this doubles what a disk can take.
 */
export class SharedSync {
  private readonly sync: () => Promise<void>;
  private running: Promise<void> | undefined;
  private next: Promise<void> | undefined;

  /** @param sync makes one sync; taken as a parameter so that the sharing can be tested */
  constructor(path: string, sync = () => syncPath(path)) {
    this.sync = sync;
  }

  /** Resolves when everything done in the directory before this call is on the disk. */
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
    // Its failure is told to those who waited for it.
    await running.catch(() => {});
    this.next = undefined;
    await this.start();
  }
}
