const INTERVAL_MS = 100;

/** Adds up the bytes that are reported: a message to another thread for each small file would take longer than its copy. */
export class ByteReports {
  private readonly report: (bytes: bigint) => void;
  private bytes = 0n;
  private reportedMs = performance.now();

  constructor(report: (bytes: bigint) => void) {
    this.report = report;
  }

  add(bytes: bigint): void {
    this.bytes += bytes;
    if (performance.now() - this.reportedMs >= INTERVAL_MS) this.flush();
  }

  /** Reports what has not been. */
  flush(): void {
    if (this.bytes > 0n) this.report(this.bytes);
    this.bytes = 0n;
    this.reportedMs = performance.now();
  }
}
