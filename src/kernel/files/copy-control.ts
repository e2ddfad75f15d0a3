import type { StopFlag } from '../calls/stop-flag.ts';

/** Stops a copy that blocks its thread, and follows its progress. */
export interface CopyControl {
  readonly stop: StopFlag;
  /** Called for bytes that were copied, but not for shared blocks or holes. */
  readonly onBytes: (bytes: bigint) => void;
  /** Called at least twice a second while the copy waits for a file on which a process holds a lease. */
  readonly onWait: (file: string) => void;
}
