/** Writes as many of these bytes as can be taken at once. @returns how many, 0 for not now @throws why they cannot be */
export type WriteNow = (bytes: Buffer) => number;

// Enough for what a busy driver says while its reader is held up for a few seconds.
const LIMIT_BYTES = 1024 ** 2;
const FIRST_RETRY_MS = 20;
const LAST_RETRY_MS = 1000;
const EXIT_PATIENCE_MS = 500;
const EXIT_RETRY_MS = 10;

/** Why lines were dropped: how many, and what the last try to write said. */
export interface Dropped {
  readonly lines: number;
  readonly reason: string;
}

/**
 * Lines for people and machines that may not read them: each is written at once where it can be, and kept in order up
 * to a limit where it cannot. What is more is dropped and counted. Nothing here waits or throws, so that a log that
 * cannot be written holds nobody up; only at the end of the process is the rest waited for, half a second at most.
 */
export class LineOutput {
  /** Called when writing goes on, with what is missing in the output at this place. */
  onDropped: (dropped: Dropped) => void = () => {};
  private readonly writeNow: WriteNow;
  private pending: Buffer[] = [];
  private pendingBytes = 0;
  private droppedLines = 0;
  private reason = '';
  private retryMs = FIRST_RETRY_MS;
  private timer: NodeJS.Timeout | undefined;

  constructor(writeNow: WriteNow) {
    this.writeNow = writeNow;
  }

  write(line: string): void {
    this.drain();
    const bytes = Buffer.from(line);
    // Once a line is missing so are those after it, until their number can be said.
    if (this.droppedLines > 0 || (this.pendingBytes > 0 && this.pendingBytes + bytes.length > LIMIT_BYTES)) {
      this.droppedLines++;
      return;
    }
    this.pending.push(bytes);
    this.pendingBytes += bytes.length;
    this.drain();
  }

  /** Writes what is left at the end of the process, as far as it is taken. */
  flush(): void {
    const deadline = performance.now() + EXIT_PATIENCE_MS;
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
          this.reason = 'nothing reads it';
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
