import { errno, isErrno } from '../calls/errno.ts';
import type { CopyControl } from './copy-control.ts';
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

/**
 * Waits for files leased by other processes (F_SETLEASE of fcntl(2), which needs no privilege for one's own files).
 * Opening such a file without O_NONBLOCK blocks in the kernel, where nothing can stop it. With O_NONBLOCK the kernel
 * requests the lease back and returns at once, and the open is retried later.
 */
export class LeaseWaits {
  private readonly control: Pick<CopyControl, 'stop' | 'onWait'>;
  private waitedMs = 0;

  constructor(control: Pick<CopyControl, 'stop' | 'onWait'>) {
    this.control = control;
  }

  /**
   * Opens a file as soon as no conflicting lease is held on it. Blocks its thread.
   * @param open opens the file with O_NONBLOCK
   * @param nameOf names the file, for people
   * @throws TreeObstacle: leases have delayed the copy for three minutes; StoppedError
   */
  openWhenFree<T>(open: () => T, nameOf: () => string): T {
    for (let retryMs = FIRST_RETRY_MS; ; retryMs = Math.min(2 * retryMs, LAST_RETRY_MS)) {
      const opened = openUnlessLeased(open);
      if (opened !== 'leased') return opened;
      this.wait(nameOf(), retryMs);
    }
  }

  private wait(file: string, retryMs: number): void {
    const sinceMs = performance.now();
    this.control.onWait(file);
    this.control.stop.pause(retryMs);
    this.waitedMs += performance.now() - sinceMs;
    if (this.waitedMs < MAX_TOTAL_WAIT_MS) return;
    const message = `a process holds a lease (fcntl F_SETLEASE) on ${JSON.stringify(file)} and does not release it; stop the process, or make it close the file`;
    throw new TreeObstacleError(message);
  }
}

/**
 * Opens a file unless a process holds a conflicting lease on it. The kernel asks for the lease back.
 * @param open opens the file with O_NONBLOCK
 */
export function openUnlessLeased<T>(open: () => T): T | 'leased' {
  try {
    return open();
  } catch (error) {
    if (isErrno(error, errno.EAGAIN)) return 'leased';
    throw error;
  }
}
