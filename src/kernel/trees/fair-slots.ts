import { threadCount } from '../calls/async-calls.ts';

interface Waiter {
  readonly start: () => void;
  readonly fail: (reason: unknown) => void;
}

/** One consumer's share of the slots. */
export class Share {
  readonly slots: FairSlots;
  readonly signal: AbortSignal;
  readonly waiting: Waiter[] = [];
  heldCount = 0;

  constructor(slots: FairSlots, signal: AbortSignal) {
    this.slots = slots;
    this.signal = signal;
    const stop = () => {
      for (const { fail } of this.waiting.splice(0)) fail(signal.reason);
    };
    signal.addEventListener('abort', stop, { once: true });
  }

  /** Waits for a free slot and takes it. @throws the signal's reason if aborted first; no slot is taken then */
  acquire(): Promise<void> {
    return this.slots.acquire(this);
  }

  release(): void {
    this.slots.release(this);
  }

  /** Runs work in a slot. */
  async run<T>(work: () => Promise<T>): Promise<T> {
    await this.acquire();
    try {
      return await work();
    } finally {
      this.release();
    }
  }
}

/**
 * Distributes slots for work that holds threads fairly between shares: freed slots go to waiting shares in turn, and no
 * share exceeds its limit. So hung work of one share costs the others at most that many slots.
 */
export class FairSlots {
  private free: number;
  private readonly limitPerShare: number;
  /** Waiting shares, in the order of their turns. */
  private readonly queue: Share[] = [];

  constructor(count: number, limitPerShare: number) {
    this.free = count;
    this.limitPerShare = limitPerShare;
  }

  /** @param signal ends all waiting in this share */
  share(signal: AbortSignal): Share {
    return new Share(this, signal);
  }

  /** See `Share.take`. */
  async acquire(share: Share): Promise<void> {
    share.signal.throwIfAborted();
    await new Promise<void>((start, fail) => {
      if (share.waiting.push({ start, fail }) === 1) this.queue.push(share);
      this.startNext();
    });
  }

  /** See `Share.give`. */
  release(share: Share): void {
    share.heldCount--;
    this.free++;
    this.startNext();
  }

  private startNext(): void {
    while (this.free > 0) {
      const index = this.queue.findIndex(({ heldCount }) => heldCount < this.limitPerShare);
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

/**
 * Places for tree walks, so that copies and measurements leave threads for short operations even when their calls hang:
 * a quarter of the threads for all walks, and a sixth of those for each walk, so that a walk that hangs leaves room for
 * others. A slot is for work that makes one call at a time. Counts node:fs calls too, and calls that `AsyncCalls` also
 * counts, which has three times as many slots.
 */
export function walkSlotsFor(threads: number): FairSlots {
  const count = Math.max(1, Math.floor(threads / 4));
  return new FairSlots(count, Math.max(1, Math.floor(count / 6)));
}

/** The walk slots of this process. */
export const walkSlots: FairSlots = walkSlotsFor(threadCount);
