import { formatBytes } from '../../units/format-bytes.ts';

const INTERVAL_MS = 2000;

/** Tells every few seconds how far a stream is, and once at its end. */
export class Progress {
  private readonly subject: string;
  private readonly totalBytes: number;
  private readonly tell: (text: string) => void;
  private bytes = 0;
  private toldAtMs = performance.now();

  /** @param totalBytes about how many there are; 0 if that is unknown */
  constructor(subject: string, totalBytes: bigint, tell: (text: string) => void) {
    this.subject = subject;
    this.totalBytes = Number(totalBytes);
    this.tell = tell;
  }

  add(bytes: number): void {
    this.bytes += bytes;
    if (performance.now() - this.toldAtMs < INTERVAL_MS) return;
    this.toldAtMs = performance.now();
    const of = this.totalBytes > 0 ? ` of about ${formatBytes(this.totalBytes)}` : '';
    this.tell(`${this.subject} ${formatBytes(this.bytes)}${of}`);
  }

  end(): void {
    this.tell(`${this.subject} ${formatBytes(this.bytes)}, all of it`);
  }
}
