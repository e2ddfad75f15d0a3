interface Waiting {
  readonly start: () => void;
  readonly fail: (reason: unknown) => void;
}

/** One consumer's share of the places. */
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

  /** Waits for a free place and takes it. @throws the signal's reason if aborted first; no place is taken then */
  take(): Promise<void> {
    return this.places.take(this);
  }

  give(): void {
    this.places.give(this);
  }

  /** Runs work in a place. */
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
 * Distributes places for work that holds threads fairly between shares: freed places go to waiting shares in turn, and no
 * share exceeds its limit. So hung work of one share costs the others at most that many places.
 */
export class FairPlaces {
  private free: number;
  private readonly limitForEach: number;
  /** Waiting shares, in the order of their turns. */
  private readonly queue: Share[] = [];

  constructor(count: number, limitForEach: number) {
    this.free = count;
    this.limitForEach = limitForEach;
  }

  /** @param signal ends all waiting in this share */
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
      // The share was aborted.
      if (next === undefined) continue;
      this.free--;
      share.heldCount++;
      next.start();
      if (share.waiting.length > 0) this.queue.push(share);
    }
  }
}
