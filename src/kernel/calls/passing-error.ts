import { setTimeout } from 'node:timers/promises';
import { errno, errnoOf } from './errno.ts';

/** The process or the machine is temporarily short of a resource. */
const scarcity = new Set<number>([
  errno.EMFILE,
  errno.ENFILE,
  errno.ENOMEM,
  errno.ENOBUFS,
  errno.EAGAIN,
  errno.EINTR,
]);

/** The disk, or its transport, does not respond at present. */
const absence = new Set<number>([
  errno.EIO,
  errno.ENODEV,
  errno.ENXIO,
  errno.ESTALE,
  errno.ENOTCONN,
  errno.ETIMEDOUT,
]);

const DELAYS_MS = [5, 20, 80, 320, 1000] as const;

/** Whether an error means only that the process or the machine is short of a resource. */
export function isScarcity(error: unknown): boolean {
  const number = errnoOf(error);
  return number !== undefined && scarcity.has(number);
}

/** Whether a retry may soon succeed: the error says nothing about a file's content. */
export function isPassing(error: unknown): boolean {
  const number = errnoOf(error);
  return number !== undefined && (scarcity.has(number) || absence.has(number));
}

/**
 * Retries work while it fails with an error that is worth a retry, for about a second and a half.
 * @throws the last error
 */
export async function retried<T>(
  work: () => Promise<T>,
  isWorthIt: (error: unknown) => boolean = isPassing,
  wait: (ms: number) => Promise<unknown> = setTimeout,
): Promise<T> {
  for (const delayMs of DELAYS_MS) {
    try {
      return await work();
    } catch (error) {
      if (!isWorthIt(error)) throw error;
      await wait(delayMs);
    }
  }
  return work();
}
