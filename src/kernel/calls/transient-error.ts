import { setTimeout } from 'node:timers/promises';
import { errno, errnoOf } from './errno.ts';

/** The process or the machine is temporarily short of a resource. */
const shortageNumbers = new Set<number>([
  errno.EMFILE,
  errno.ENFILE,
  errno.ENOMEM,
  errno.ENOBUFS,
  errno.EAGAIN,
  errno.EINTR,
]);

/** The disk, or its transport, does not respond at present. */
const unreachableNumbers = new Set<number>([
  errno.EIO,
  errno.ENODEV,
  errno.ENXIO,
  errno.ESTALE,
  errno.ENOTCONN,
  errno.ETIMEDOUT,
]);

const DELAYS_MS = [5, 20, 80, 320, 1000] as const;

/** Whether an error means only that the process or the machine is short of a resource. */
export function isResourceShortage(error: unknown): boolean {
  const number = errnoOf(error);
  return number !== undefined && shortageNumbers.has(number);
}

/** Whether a retry may soon succeed: the error says nothing about a file's content. */
export function isTransient(error: unknown): boolean {
  const number = errnoOf(error);
  return number !== undefined && (shortageNumbers.has(number) || unreachableNumbers.has(number));
}

/**
 * Retries work while it fails with an error that is worth a retry, for about a second and a half.
 * @throws the last error
 */
export async function retry<T>(
  work: () => Promise<T>,
  isRetryable: (error: unknown) => boolean = isTransient,
  wait: (ms: number) => Promise<unknown> = setTimeout,
): Promise<T> {
  for (const delayMs of DELAYS_MS) {
    try {
      return await work();
    } catch (error) {
      if (!isRetryable(error)) throw error;
      await wait(delayMs);
    }
  }
  return work();
}
