import type { VolumeError } from '../model/errors.ts';

/** What one piece of work stands on from its beginning to its end. Several calls may wait for the same work. */
export interface CallWork<Methods> {
  /** The methods of the service, for this work alone. */
  readonly methods: Methods;
  /** Aborted when what the work stands on is gone. */
  readonly lost: AbortSignal;
  /** @throws VolumeError unavailable: what the work stands on has gone, so its result must not be acknowledged */
  confirm(): Promise<void>;
  end(): void;
  /**
   * Begins to ask whether what the work stands on answers.
   * @returns tells what has not answered so far; undefined when all has
   */
  ask(): () => VolumeError | undefined;
}

/**
 * Does the work, to be acknowledged when this resolves. Where what it stands on has gone, that is the reason for whatever
 * it has come to, an error or not.
 */
export async function during<T>(
  work: Pick<CallWork<unknown>, 'confirm' | 'end'>,
  run: () => Promise<T>,
): Promise<T> {
  try {
    return await run();
  } finally {
    try {
      await work.confirm();
    } finally {
      work.end();
    }
  }
}

const never = new AbortController().signal;

/** Work that stands on nothing. */
export function freeWork<Methods>(methods: Methods): CallWork<Methods> {
  return { methods, lost: never, confirm: async () => {}, end: () => {}, ask: () => () => undefined };
}
