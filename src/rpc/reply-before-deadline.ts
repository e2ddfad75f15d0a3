import type { Deadline } from '@grpc/grpc-js';
import type { VolumeError } from '../model/errors.ts';

/** Work whose result a call waits for. */
export interface RunningCall {
  readonly reply: Promise<unknown>;
  /** As `CallWork.ask`. */
  checkResponding(): () => VolumeError | undefined;
}

// Fractions of the time left until the deadline: when to ask why the work takes so long, and when to answer the caller
// so that the answer still arrives in time.
const CHECK_AFTER = 0.4;
const REPLY_AFTER = 0.8;
const MAX_MARGIN_MS = 1000;
// The maximum of setTimeout.
const MAX_TIMEOUT_MS = 2 ** 31 - 1;

/**
 * Waits for work on behalf of a caller. Shortly before the deadline, this stops waiting if the work depends on
 * something that does not answer, so that the caller receives the cause instead of DEADLINE_EXCEEDED. The work
 * continues.
 */
export function replyBeforeDeadline(
  { reply, checkResponding }: RunningCall,
  deadline: Deadline,
  onStalled: (error: VolumeError) => void,
): Promise<unknown> {
  const leftMs = Number(deadline) - Date.now();
  if (!(leftMs > 0 && leftMs <= MAX_TIMEOUT_MS)) return reply;
  const replyMs = Math.max(leftMs * REPLY_AFTER, leftMs - MAX_MARGIN_MS);
  return new Promise((resolve, reject) => {
    const check = () => {
      const stalledError = checkResponding();
      const replyIfStalled = () => {
        const error = stalledError();
        if (!error) return;
        onStalled(error);
        reject(error);
      };
      timer = setTimeout(replyIfStalled, replyMs - leftMs * CHECK_AFTER);
    };
    let timer = setTimeout(check, leftMs * CHECK_AFTER);
    reply.finally(() => clearTimeout(timer)).then(resolve, reject);
  });
}
