import { setMaxListeners } from 'node:events';
import { setTimeout as delay } from 'node:timers/promises';
import { errno, isErrno } from '../calls/errno.ts';
import { TreeObstacleError } from './copy-source.ts';

// A responsive holder releases its lease within milliseconds; the kernel breaks the lease of any other after
// `fs.lease-break-time`, 45 seconds.
const FIRST_RETRY_MS = 10;
const LAST_RETRY_MS = 500;
/**
 * The total time that one copy waits. It is enough for the kernel to break the leases held when the copy started, and no
 * more: a process that keeps renewing leases would otherwise block the copy, and one of the few copy slots, indefinitely.
 */
const MAX_TOTAL_WAIT_MS = 180_000;

/** Called before each wait, with the path of the leased file. */
export type OnWait = (file: string) => void;

/**
 * Waits for files leased by other processes (F_SETLEASE of fcntl(2), which needs no privilege for one's own files).
 * Opening such a file without O_NONBLOCK blocks in the kernel, on a thread that others need. With O_NONBLOCK the kernel
 * requests the lease back and returns at once, and the open is retried later.
 */
export class LeaseWaits {
  private readonly signal: AbortSignal;
  private readonly onWait: OnWait;
  private waiterCount = 0;
  private sinceMs = 0;
  private waitedMs = 0;

  constructor(signal: AbortSignal, onWait: OnWait) {
    this.signal = signal;
    // Each file being waited for adds a listener; Node would warn of a leak.
    setMaxListeners(0, signal);
    this.onWait = onWait;
  }

  /**
   * Opens a file as soon as no conflicting lease is held on it.
   * @param open opens the file with O_NONBLOCK
   * @param nameOf names the file, for people
   * @param runWait runs the wait; it decides what the caller holds during the wait and which other work runs first
   * @throws TreeObstacle: leases have delayed the copy for three minutes; the signal's reason
   */
  async openWhenFree(
    open: () => Promise<number>,
    nameOf: () => string,
    runWait: (wait: () => Promise<void>) => Promise<void>,
  ): Promise<number> {
    for (let retryMs = FIRST_RETRY_MS; ; retryMs = Math.min(2 * retryMs, LAST_RETRY_MS)) {
      try {
        return await open();
      } catch (error) {
        if (!isErrno(error, errno.EAGAIN)) throw error;
      }
      await runWait(() => this.wait(nameOf(), retryMs));
    }
  }

  private async wait(file: string, retryMs: number): Promise<void> {
    this.signal.throwIfAborted();
    if (this.waiterCount++ === 0) this.sinceMs = performance.now();
    try {
      this.onWait(file);
      await delay(retryMs, undefined, { signal: this.signal });
    } catch (error) {
      this.signal.throwIfAborted();
      throw error;
    } finally {
      if (--this.waiterCount === 0) this.waitedMs += performance.now() - this.sinceMs;
    }
    const running = this.waiterCount === 0 ? 0 : performance.now() - this.sinceMs;
    if (this.waitedMs + running < MAX_TOTAL_WAIT_MS) return;
    const message = `a process holds a lease (fcntl F_SETLEASE) on ${JSON.stringify(file)} and does not release it; stop the process, or make it close the file`;
    throw new TreeObstacleError(message);
  }
}
