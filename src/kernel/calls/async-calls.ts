import { Slots } from './slots.ts';

/** libuv's own number where the environment says nothing. */
const DEFAULT_THREADS = 4;
// koffi takes 256 calls at once and throws for one more, so the lanes together stay below that.
const CALL_LIMIT = 240;

/**
 * How many system calls are made on other threads at once; the others wait for their turn, in order. A call that hangs
 * keeps its place, so the limit leaves threads free: a quarter of them is for node:fs, and for what ends the waiting of
 * others.
 */
export class AsyncCalls {
  private readonly common: Slots;
  private readonly urgent: Slots;

  constructor(threadCount: number) {
    const places = Math.min(threadCount, CALL_LIMIT);
    const urgentPlaces = Math.max(1, Math.floor(places / 4));
    this.urgent = new Slots(urgentPlaces);
    this.common = new Slots(Math.max(1, places - urgentPlaces));
  }

  /** Makes a call when it is its turn. One that is urgent does not wait for those that are not. */
  async run<T>(makeCall: () => Promise<T>, { isUrgent = false } = {}): Promise<T> {
    const slots = isUrgent ? this.urgent : this.common;
    await slots.take();
    try {
      return await makeCall();
    } finally {
      slots.give();
    }
  }
}

/** How many threads libuv has for this process. */
export const threadCount = Number(process.env['UV_THREADPOOL_SIZE']) || DEFAULT_THREADS;

/** The calls of this process. Every asynchronous call of a C function goes through here. */
export const asyncCalls = new AsyncCalls(threadCount);
