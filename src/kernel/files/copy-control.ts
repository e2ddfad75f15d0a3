/** Lets the one who waits stop a copy, and tells how far it is. */
export interface CopyControl {
  /** A copy that is stopped fails with the signal's reason. */
  readonly signal: AbortSignal;
  /** Told of bytes that were copied; of shared ones and of holes nobody is told. */
  readonly onBytes: (bytes: bigint) => void;
  /** Called twice a second or more often while a file cannot be opened, because a process has leased it. */
  readonly onWait: (file: string) => void;
}
