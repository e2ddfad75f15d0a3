import { setMaxListeners } from 'node:events';
import { setTimeout as delay } from 'node:timers/promises';
import { errno, isErrno } from '../calls/errno.ts';
import { TreeObstacle } from './tree-obstacle.ts';

// A process that answers gives its lease back within milliseconds; the kernel takes it from one that does not after
// `fs.lease-break-time`, 45 seconds.
const FIRST_RETRY_MS = 10;
const LAST_RETRY_MS = 500;
/**
 * So long one copy waits altogether. That is enough for the kernel to take back what was held when the copy came, and no
 * more: a process that takes its leases anew would else hold up the copy without end, and with it one of the few
 * that may be under way.
 */
const PATIENCE_MS = 180_000;

/** Called with the path of a file before each wait for it. */
export type OnWait = (file: string) => void;

/**
 * Waits for files that others have leased (F_SETLEASE of fcntl(2), which takes no privilege for files of one's own). Opening such
 * a file without O_NONBLOCK waits in the kernel, on a thread that others need; with it, the kernel asks for the lease back
 * and answers at once, and one comes again later.
 */
export class LeaseWaits {
  private readonly signal: AbortSignal;
  private readonly onWait: OnWait;
  private waiterCount = 0;
  private sinceMs = 0;
  private waitedMs = 0;

  constructor(signal: AbortSignal, onWait: OnWait) {
    this.signal = signal;
    // Each of the files that are waited for at once has one; without this Node warns of a leak.
    setMaxListeners(0, signal);
    this.onWait = onWait;
  }

  /**
   * Opens a file as soon as nobody has a lease that stands against it.
   * @param open opens it with O_NONBLOCK
   * @param nameOf tells which file it is, for people
   * @param rest is where the waiting is done: what it holds meanwhile, and whom it lets go first
   * @throws TreeObstacle: leases have held up the copy for three minutes; the signal's reason
   */
  async untilFree(
    open: () => Promise<number>,
    nameOf: () => string,
    rest: (wait: () => Promise<void>) => Promise<void>,
  ): Promise<number> {
    for (let retryMs = FIRST_RETRY_MS; ; retryMs = Math.min(2 * retryMs, LAST_RETRY_MS)) {
      try {
        return await open();
      } catch (error) {
        if (!isErrno(error, errno.EAGAIN)) throw error;
      }
      await rest(() => this.wait(nameOf(), retryMs));
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
    if (this.waitedMs + running < PATIENCE_MS) return;
    const message = `a process holds a lease (fcntl F_SETLEASE) on ${JSON.stringify(file)} and does not give it back; end it, or have it close the file`;
    throw new TreeObstacle(message);
  }
}
