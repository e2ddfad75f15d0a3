import { vi } from 'vitest';

/** Ends a wait for what never happens, and nothing else: a busy machine may take many times as long as an idle one. */
const timeout = 300_000;

/**
 * Waits until an expectation holds.
 * @param expectation throws while it does not
 * @returns what it returned
 */
export function eventually<T>(expectation: () => T | Promise<T>, { interval = 50 } = {}): Promise<T> {
  return vi.waitFor(expectation, { timeout, interval });
}
