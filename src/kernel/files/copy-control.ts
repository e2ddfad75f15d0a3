/** Lets the caller stop a copy and follow its progress. */
export interface CopyControl {
  /** Stops the copy, which then fails with the signal's reason. */
  readonly signal: AbortSignal;
  /** Called for bytes that were copied, but not for shared blocks or holes. */
  readonly onBytes: (bytes: bigint) => void;
  /** Called at least twice a second while a file cannot be opened because a process holds a lease on it. */
  readonly onWait: (file: string) => void;
}
