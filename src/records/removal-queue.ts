/**
 * Removes directories in the background, a few at a time: deleting a volume answers when it is forgotten, and
 * its content goes afterwards. What cannot be removed is tried again, less and less often; what is left when the
 * process ends goes at the next start.
 */
export class RemovalQueue {
  private readonly remove: (directory: string) => Promise<void>;
  private readonly onFailure: (directory: string, error: unknown, retryMs: number) => void;
  private readonly waiting: string[] = [];
  private readonly failureCounts = new Map<string, number>();
  private readonly timers = new Set<NodeJS.Timeout>();
  private readonly idleListeners: (() => void)[] = [];
  private runningCount = 0;
  private isStopped = false;

  /**
   * @param remove removes one directory
   * @param onFailure is told of one that could not be removed, and in how many milliseconds it is tried again
   */
  constructor(
    remove: (directory: string) => Promise<void>,
    onFailure: (directory: string, error: unknown, retryMs: number) => void,
  ) {
    this.remove = remove;
    this.onFailure = onFailure;
  }

  add(directory: string): void {
    this.waiting.push(directory);
    this.startNext();
  }

  /** Starts no more removals; resolves when those under way have ended. */
  stop(): Promise<void> {
    this.isStopped = true;
    this.waiting.length = 0;
    for (const timer of this.timers) clearTimeout(timer);
    this.timers.clear();
    return this.idle();
  }

  /** Resolves when nothing is left to remove but what failed and waits for its next try. */
  idle(): Promise<void> {
    if (this.runningCount === 0) return Promise.resolve();
    return new Promise((resolve) => this.idleListeners.push(resolve));
  }

  private startNext(): void {
    if (this.isStopped || this.runningCount >= CONCURRENCY_LIMIT) return;
    const directory = this.waiting.shift();
    if (directory === undefined) return;
    this.runningCount++;
    void this.remove(directory)
      .then(
        () => void this.failureCounts.delete(directory),
        (error) => this.retryLater(directory, error),
      )
      .finally(() => this.finishOne());
  }

  private retryLater(directory: string, error: unknown): void {
    const failureCount = (this.failureCounts.get(directory) ?? 0) + 1;
    this.failureCounts.set(directory, failureCount);
    const retryMs = Math.min(FIRST_RETRY_MS * 2 ** (failureCount - 1), LAST_RETRY_MS);
    this.onFailure(directory, error, retryMs);
    if (this.isStopped) return;
    const timer = setTimeout(() => {
      this.timers.delete(timer);
      this.add(directory);
    }, retryMs);
    // Nothing waits for it when the process ends.
    timer.unref();
    this.timers.add(timer);
  }

  private finishOne(): void {
    this.runningCount--;
    this.startNext();
    if (this.runningCount === 0) for (const listener of this.idleListeners.splice(0)) listener();
  }
}

const CONCURRENCY_LIMIT = 2;
const FIRST_RETRY_MS = 1000;
const LAST_RETRY_MS = 300_000;
