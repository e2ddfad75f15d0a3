/**
 * Removes directories in the background, a few at a time: deleting a volume answers when it is forgotten, and
 * its content goes afterwards. What is left when the process ends goes at the next start.
 */
export class RemovalQueue {
  private readonly remove: (directory: string) => Promise<void>;
  private readonly onFailure: (directory: string, error: unknown) => void;
  private readonly waiting: string[] = [];
  private readonly idleListeners: (() => void)[] = [];
  private runningCount = 0;
  private isStopped = false;

  /** @param remove removes one directory @param onFailure is told of one that could not be removed */
  constructor(
    remove: (directory: string) => Promise<void>,
    onFailure: (directory: string, error: unknown) => void,
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
    return this.idle();
  }

  /** Resolves when nothing is left to remove. */
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
      .catch((error) => this.onFailure(directory, error))
      .then(() => this.finishOne());
  }

  private finishOne(): void {
    this.runningCount--;
    this.startNext();
    if (this.runningCount === 0) for (const listener of this.idleListeners.splice(0)) listener();
  }
}

const CONCURRENCY_LIMIT = 2;
