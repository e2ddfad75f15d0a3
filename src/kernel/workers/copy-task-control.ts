import type { TaskControl } from './workers.ts';

/** Stops a copy, and follows its progress, from the main thread. */
export interface CopyTaskControl {
  /** Stops the copy, which then fails with the signal's reason. */
  readonly signal: AbortSignal;
  /** Called for bytes that were copied, but not for shared blocks or holes. */
  readonly onBytes: (bytes: bigint) => void;
  /** Called at least twice a second while the copy waits for a file on which a process holds a lease. */
  readonly onWait: (file: string) => void;
}

export function taskControl({ signal, onBytes, onWait }: CopyTaskControl): TaskControl {
  return {
    signal,
    onReport: (report) => ('copiedBytes' in report ? onBytes(report.copiedBytes) : onWait(report.waitsFor)),
  };
}
