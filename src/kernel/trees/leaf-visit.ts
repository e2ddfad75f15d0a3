import type { Slots } from '../calls/slots.ts';
import type { Share } from './fair-slots.ts';

/** The visit of one entry of a tree: the resources it holds while it runs and releases while it waits. */
export class LeafVisit {
  /** Aborted when the walk is stopped or has failed elsewhere. */
  readonly signal: AbortSignal;
  private readonly share: Share;
  private readonly slots: Slots;
  private readonly waitingSlots: Slots;
  private holdsWaitingSlot = false;
  private hasThreadSlot = false;

  /** @param slots one of these is already held @param waitingSlots for visits that wait or have waited */
  constructor(signal: AbortSignal, share: Share, slots: Slots, waitingSlots: Slots) {
    this.signal = signal;
    this.share = share;
    this.slots = slots;
    this.waitingSlots = waitingSlots;
  }

  /** Runs the visit in a slot for system calls. */
  async run(visit: () => Promise<void>): Promise<void> {
    await this.acquireThreadSlot();
    try {
      await visit();
    } finally {
      if (this.hasThreadSlot) this.releaseThreadSlot();
    }
  }

  /**
   * Waits for something other than a system call. The slot is free for others during the wait, and another entry is
   * visited unless too many are waiting. The slot is not taken again: its holders may be waiting for this very visit.
   */
  async wait(event: () => Promise<void>): Promise<void> {
    this.releaseThreadSlot();
    if (!this.holdsWaitingSlot && this.waitingSlots.tryAcquire()) {
      this.holdsWaitingSlot = true;
      this.slots.release();
    }
    await event();
    await this.acquireThreadSlot();
  }

  /** Gives the slot back at the end of the visit. */
  release(): void {
    if (this.holdsWaitingSlot) this.waitingSlots.release();
    else this.slots.release();
  }

  private async acquireThreadSlot(): Promise<void> {
    await this.share.acquire();
    this.hasThreadSlot = true;
  }

  private releaseThreadSlot(): void {
    this.hasThreadSlot = false;
    this.share.release();
  }
}
