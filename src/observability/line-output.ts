/**
 * Writes as many of these bytes as possible without waiting.
 * @returns the number of bytes written; 0 if none can be written now
 * @throws the error if writing fails
 */
export type NonBlockingWrite = (bytes: Buffer) => number;

// Enough for the log of a busy driver while its reader is blocked for a few seconds.
const LIMIT_BYTES = 1024 ** 2;
const FIRST_RETRY_MS = 20;
const LAST_RETRY_MS = 1000;
const EXIT_FLUSH_MS = 500;
const EXIT_RETRY_MS = 10;

/** How many lines were dropped, and the reason from the last attempt to write. */
export interface Dropped {
  readonly lines: number;
  readonly reason: string;
}

/**
 * Output for lines whose readers may be slow or absent: each line is written immediately if possible, and otherwise
 * queued in order up to a limit. Lines beyond it are dropped and counted. Nothing here waits or throws, so that a
 * blocked log delays nothing; only when the process ends does it wait for the rest, at most half a second.
 */
export class LineOutput {
  /** Called when writing resumes, with the number of lines missing at this point of the output. */
  onDropped: (dropped: Dropped) => void = () => {};
  private readonly writeNow: NonBlockingWrite;
  private pending: Buffer[] = [];
  private pendingBytes = 0;
  private droppedLines = 0;
  private reason = '';
  private retryMs = FIRST_RETRY_MS;
  private timer: NodeJS.Timeout | undefined;

  constructor(writeNow: NonBlockingWrite) {
    this.writeNow = writeNow;
  }

  write(line: string): void {
    this.drain();
    const bytes = Buffer.from(line);
    // After a dropped line, drop all others until the number of dropped lines can be reported.
    if (this.droppedLines > 0 || (this.pendingBytes > 0 && this.pendingBytes + bytes.length > LIMIT_BYTES)) {
      this.droppedLines++;
      return;
    }
    this.pending.push(bytes);
    this.pendingBytes += bytes.length;
    this.drain();
  }

  /** Writes the rest when the process ends, as far as the reader accepts it. */
  flush(): void {
    const deadline = performance.now() + EXIT_FLUSH_MS;
    const pause = new Int32Array(new SharedArrayBuffer(4));
    while (this.drain() === 'full' && performance.now() < deadline) Atomics.wait(pause, 0, 0, EXIT_RETRY_MS);
  }

  private drain(): 'empty' | 'full' | 'failed' {
    let result: 'empty' | 'full' | 'failed';
    do {
      result = this.writePending();
      if (result !== 'empty') {
        this.retryLater();
        return result;
      }
      this.reportDropped();
    } while (this.pendingBytes > 0);
    return result;
  }

  private writePending(): 'empty' | 'full' | 'failed' {
    for (let [first] = this.pending; first !== undefined; [first] = this.pending) {
      try {
        const written = this.writeNow(first);
        if (written === 0) {
          this.reason = 'the output is blocked';
          return 'full';
        }
        this.take(first, written);
      } catch (error) {
        this.reason = error instanceof Error ? error.message : String(error);
        return 'failed';
      }
    }
    return 'empty';
  }

  private take(first: Buffer, written: number): void {
    this.retryMs = FIRST_RETRY_MS;
    this.pendingBytes -= written;
    if (written === first.length) this.pending.shift();
    else this.pending[0] = first.subarray(written);
  }

  private reportDropped(): void {
    if (this.droppedLines === 0) return;
    const dropped = { lines: this.droppedLines, reason: this.reason };
    this.droppedLines = 0;
    this.onDropped(dropped);
  }

  private retryLater(): void {
    if (this.timer) return;
    this.timer = setTimeout(() => {
      this.timer = undefined;
      this.drain();
    }, this.retryMs).unref();
    this.retryMs = Math.min(this.retryMs * 2, LAST_RETRY_MS);
  }
}
