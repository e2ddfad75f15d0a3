import { Slots } from './slots.ts';

/** libuv's default when UV_THREADPOOL_SIZE is not set. */
const DEFAULT_THREADS = 4;
// koffi allows 256 asynchronous calls at once and throws on the next, so all slots together stay below that.
const CALL_LIMIT = 240;

/**
 * Limits how many system calls run on other threads at once; further calls wait in order. A call that hangs keeps its
 * slot, so the limit leaves threads free: a quarter of them is for node:fs and for urgent calls, which end the waiting
 * of other calls.
 */
export class AsyncCalls {
  private readonly common: Slots;
  private readonly urgent: Slots;

  constructor(threadCount: number) {
    const slotCount = Math.min(threadCount, CALL_LIMIT);
    const urgentSlotCount = Math.max(1, Math.floor(slotCount / 4));
    this.urgent = new Slots(urgentSlotCount);
    this.common = new Slots(Math.max(1, slotCount - urgentSlotCount));
  }

  /** Makes a call when a slot is free. Urgent calls do not wait for other calls. */
  async run<T>(makeCall: () => Promise<T>, { isUrgent = false } = {}): Promise<T> {
    const slots = isUrgent ? this.urgent : this.common;
    await slots.acquire();
    try {
      return await makeCall();
    } finally {
      slots.release();
    }
  }
}

/** The size of libuv's thread pool in this process. */
const threadCount = Number(process.env['UV_THREADPOOL_SIZE']) || DEFAULT_THREADS;

/** The calls of this process. Every asynchronous call of a C function goes through here. */
export const asyncCalls = new AsyncCalls(threadCount);
