import type { Slots } from '../calls/slots.ts';
import type { Share } from './fair-places.ts';

/** The visit of one entry of a tree: the resources it holds while it runs and releases while it waits. */
export class LeafVisit {
  /** Aborted when the walk is stopped or has failed elsewhere. */
  readonly signal: AbortSignal;
  private readonly share: Share;
  private readonly slots: Slots;
  private readonly waitingSlots: Slots;
  private isWaiter = false;
  private hasPlace = false;

  /** @param slots one of these is already held @param waitingSlots for visits that wait or have waited */
  constructor(signal: AbortSignal, share: Share, slots: Slots, waitingSlots: Slots) {
    this.signal = signal;
    this.share = share;
    this.slots = slots;
    this.waitingSlots = waitingSlots;
  }

  /** Runs the visit in a place for system calls. */
  async run(visit: () => Promise<void>): Promise<void> {
    await this.takePlace();
    try {
      await visit();
    } finally {
      if (this.hasPlace) this.givePlace();
    }
  }

  /**
   * Waits for something other than a system call. The place is free for others during the wait, and another entry is
   * visited unless too many are waiting. The slot is not taken again: its holders may be waiting for this very visit.
   */
  async wait(event: () => Promise<void>): Promise<void> {
    this.givePlace();
    if (!this.isWaiter && this.waitingSlots.tryTake()) {
      this.isWaiter = true;
      this.slots.give();
    }
    await event();
    await this.takePlace();
  }

  /** Gives the slot back at the end of the visit. */
  give(): void {
    if (this.isWaiter) this.waitingSlots.give();
    else this.slots.give();
  }

  private async takePlace(): Promise<void> {
    await this.share.take();
    this.hasPlace = true;
  }

  private givePlace(): void {
    this.hasPlace = false;
    this.share.give();
  }
}
