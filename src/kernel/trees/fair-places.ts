interface Waiting {
  readonly start: () => void;
  readonly fail: (reason: unknown) => void;
}

/** What one who does a lot has of the places. */
export class Share {
  readonly places: FairPlaces;
  readonly signal: AbortSignal;
  readonly waiting: Waiting[] = [];
  heldCount = 0;

  constructor(places: FairPlaces, signal: AbortSignal) {
    this.places = places;
    this.signal = signal;
    const stop = () => {
      for (const { fail } of this.waiting.splice(0)) fail(signal.reason);
    };
    signal.addEventListener('abort', stop, { once: true });
  }

  /** Takes a place as soon as there is one. @throws the signal's reason: it was aborted first, and no place is taken */
  take(): Promise<void> {
    return this.places.take(this);
  }

  give(): void {
    this.places.give(this);
  }

  /** Does something in a place. */
  async run<T>(work: () => Promise<T>): Promise<T> {
    await this.take();
    try {
      return await work();
    } finally {
      this.give();
    }
  }
}

/**
 * Places for work that holds threads, fair between those who have a lot of it: places that become free go round, and none
 * of them has more than its limit. So what hangs takes nothing from the others but the places up to that limit.
 */
export class FairPlaces {
  private free: number;
  private readonly limitForEach: number;
  /** Those who wait, in the order of their turns. */
  private readonly queue: Share[] = [];

  constructor(count: number, limitForEach: number) {
    this.free = count;
    this.limitForEach = limitForEach;
  }

  /** @param signal ends the waiting in this share */
  share(signal: AbortSignal): Share {
    return new Share(this, signal);
  }

  /** See `Share.take`. */
  async take(share: Share): Promise<void> {
    share.signal.throwIfAborted();
    await new Promise<void>((start, fail) => {
      if (share.waiting.push({ start, fail }) === 1) this.queue.push(share);
      this.startNext();
    });
  }

  /** See `Share.give`. */
  give(share: Share): void {
    share.heldCount--;
    this.free++;
    this.startNext();
  }

  private startNext(): void {
    while (this.free > 0) {
      const index = this.queue.findIndex(({ heldCount }) => heldCount < this.limitForEach);
      const [share] = index === -1 ? [] : this.queue.splice(index, 1);
      if (share === undefined) return;
      const next = share.waiting.shift();
      // It has been stopped.
      if (next === undefined) continue;
      this.free--;
      share.heldCount++;
      next.start();
      if (share.waiting.length > 0) this.queue.push(share);
    }
  }
}
