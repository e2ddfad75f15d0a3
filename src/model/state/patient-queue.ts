/** Shorter than the timeout of the sidecars, so that their callers get the reason. */
const PATIENCE_MS = 8_000;
// Leaves a slow answer some time.
const ASK_AFTER_MS = 2_000;
// Time is counted in ticks of a timer, which also run late when the process is busy: a caller is not refused only because the process
// was too busy to notice a free place.
const TICK_MS = 500;

interface Waiter {
  readonly sinceMs: number;
  admit(): void;
  refuse(error?: unknown): void;
}

/**
 * A queue for something of which there is a limited amount. Those who wait are admitted in their order, however long it takes,
 * while the queue moves; when nothing has become free for a while, they are refused.
 */
export class PatientQueue {
  private readonly waiting = new Set<Waiter>();
  private clockMs = 0;
  private movedAtMs = Number.NEGATIVE_INFINITY;
  private timer: NodeJS.Timeout | undefined;
  private readonly ask: (() => Promise<unknown>) | undefined;
  private isAsking = false;

  /** @param ask asked when nothing becomes free; while it is answered, those who wait are not refused */
  constructor(ask?: () => Promise<unknown>) {
    this.ask = ask;
  }

  get isEmpty(): boolean {
    return this.waiting.size === 0;
  }

  /**
   * Waits to be admitted.
   * @param refusal the error if the queue stops moving
   * @throws this error, or the reason of the signal
   */
  async wait(refusal: () => Error, signal?: AbortSignal): Promise<void> {
    signal?.throwIfAborted();
    const onAborted = () => waiter.refuse(signal?.reason);
    let waiter!: Waiter;
    const admitted = new Promise<void>((resolve, reject) => {
      waiter = {
        sinceMs: this.clockMs,
        admit: resolve,
        refuse: (error = refusal()) => {
          this.remove(waiter);
          reject(error);
        },
      };
    });
    this.waiting.add(waiter);
    this.timer ??= setTimeout(() => this.tick(), TICK_MS);
    if (!signal) return admitted;
    signal.addEventListener('abort', onAborted);
    return admitted.finally(() => signal.removeEventListener('abort', onAborted));
  }

  /**
   * Admits the one who has waited longest.
   * @returns false if no one is waiting
   */
  admitNext(): boolean {
    this.noteProgress();
    const [first] = this.waiting;
    if (!first) return false;
    this.remove(first);
    first.admit();
    return true;
  }

  /** Something has become free, even if it goes to others. */
  noteProgress(): void {
    this.movedAtMs = this.clockMs;
  }

  /** Refuses all who wait. */
  refuseAll(error: Error): void {
    for (const waiter of this.waiting) waiter.refuse(error);
  }

  private remove(waiter: Waiter): void {
    this.waiting.delete(waiter);
    if (!this.isEmpty) return;
    clearTimeout(this.timer);
    this.timer = undefined;
  }

  private tick(): void {
    this.clockMs += TICK_MS;
    this.timer = setTimeout(() => this.tick(), TICK_MS);
    // Those behind have waited less.
    for (const waiter of this.waiting) {
      if (this.clockMs - Math.max(waiter.sinceMs, this.movedAtMs) < PATIENCE_MS) break;
      waiter.refuse();
    }
    if (!this.isEmpty) this.askIfIdle();
  }

  private askIfIdle(): void {
    if (!this.ask || this.isAsking || this.clockMs - this.movedAtMs < ASK_AFTER_MS) return;
    this.isAsking = true;
    void this.ask().then(() => {
      this.isAsking = false;
      this.noteProgress();
    });
  }
}
