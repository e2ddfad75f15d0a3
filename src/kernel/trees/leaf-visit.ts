import type { Slots } from '../calls/slots.ts';
import type { Share } from './fair-places.ts';

/** The visit of one entry of a tree: what it holds while it lasts, and lets go while it waits. */
export class LeafVisit {
  /** Says that the walk is stopped, or has failed elsewhere. */
  readonly signal: AbortSignal;
  private readonly share: Share;
  private readonly slots: Slots;
  private readonly waitingSlots: Slots;
  private isWaiter = false;
  private hasPlace = false;

  /** @param slots one of these is held already @param waitingSlots are for visits that wait, or have waited */
  constructor(signal: AbortSignal, share: Share, slots: Slots, waitingSlots: Slots) {
    this.signal = signal;
    this.share = share;
    this.slots = slots;
    this.waitingSlots = waitingSlots;
  }

  /** Makes the visit in a place for system calls. */
  async run(visit: () => Promise<void>): Promise<void> {
    await this.takePlace();
    try {
      await visit();
    } finally {
      if (this.hasPlace) this.givePlace();
    }
  }

  /**
   * Waits for something that is no system call. Meanwhile the place is another's, and another entry is visited, unless
   * too many wait already. The slot is not taken again: those who hold it may be waiting for this very visit.
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

  /** Gives back the slot, when the visit is over. */
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
