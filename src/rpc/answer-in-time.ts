import type { Deadline } from '@grpc/grpc-js';
import type { VolumeError } from '../model/errors.ts';

/** Work whose result a call waits for. */
export interface Running {
  readonly reply: Promise<unknown>;
  /** As `CallWork.ask`. */
  ask(): () => VolumeError | undefined;
}

// Fractions of the time left until the deadline: when to ask why the work takes so long, and when to answer the caller
// so that the answer still arrives in time.
const ASK_AFTER = 0.4;
const ANSWER_AFTER = 0.8;
const LONGEST_MARGIN_MS = 1000;
// The maximum of setTimeout.
const LONGEST_TIMEOUT_MS = 2 ** 31 - 1;

/**
 * Waits for work on behalf of a caller. Shortly before the deadline, this stops waiting if the work depends on
 * something that does not answer, so that the caller receives the cause instead of DEADLINE_EXCEEDED. The work
 * continues.
 */
export async function answerInTime(
  { reply, ask }: Running,
  deadline: Deadline,
  onGivenUp: (error: VolumeError) => void,
): Promise<unknown> {
  const leftMs = Number(deadline) - Date.now();
  if (!(leftMs > 0 && leftMs <= LONGEST_TIMEOUT_MS)) return reply;
  const answerMs = Math.max(leftMs * ANSWER_AFTER, leftMs - LONGEST_MARGIN_MS);
  let timer: NodeJS.Timeout | undefined;
  const silence = new Promise<never>((_, reject) => {
    const asked = () => {
      const silent = ask();
      const answer = () => {
        const error = silent();
        if (!error) return;
        onGivenUp(error);
        reject(error);
      };
      timer = setTimeout(answer, answerMs - leftMs * ASK_AFTER);
    };
    timer = setTimeout(asked, leftMs * ASK_AFTER);
  });
  try {
    return await Promise.race([reply, silence]);
  } finally {
    clearTimeout(timer);
  }
}
