/** The caller no longer wants the work; it knows why. */
export class StoppedError extends Error {
  override readonly name = 'Stopped';
}

/** Stops work that blocks its thread, from another thread. */
export class StopFlag {
  /** The memory that both threads share. */
  readonly shared: Int32Array<SharedArrayBuffer>;

  constructor(shared = new Int32Array(new SharedArrayBuffer(Int32Array.BYTES_PER_ELEMENT))) {
    this.shared = shared;
  }

  stop(): void {
    Atomics.store(this.shared, 0, 1);
    Atomics.notify(this.shared, 0);
  }

  /** @throws StoppedError */
  throwIfStopped(): void {
    if (Atomics.load(this.shared, 0) !== 0) throw new StoppedError('stopped');
  }

  /** Blocks the thread for this long, or until the work is to stop. @throws StoppedError */
  pause(ms: number): void {
    Atomics.wait(this.shared, 0, 0, ms);
    this.throwIfStopped();
  }
}
