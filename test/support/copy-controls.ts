import { StopFlag } from '../../src/kernel/calls/stop-flag.ts';
import type { CopyControl } from '../../src/kernel/files/copy-control.ts';

/** For a copy by a worker that nothing stops. */
export const unhindered = { signal: new AbortController().signal, onBytes: () => {}, onWait: () => {} };

/** For a copy on the thread of the test, where an action runs as soon as something has been copied. */
export function runningOnBytes(onBytes: (bytes: bigint) => void, stop = new StopFlag()): CopyControl {
  return { stop, onBytes, onWait: () => {} };
}
