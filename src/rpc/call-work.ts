import type { VolumeError } from '../model/errors.ts';

/** One task and the resources that it depends on from start to end. Several calls may wait for the same task. */
export interface CallWork<AnyMethod> {
  /** The method that runs it, for this task only. */
  readonly method: AnyMethod;
  /** Aborted when a resource of the task disappears. */
  readonly lost: AbortSignal;
  /** @throws VolumeError unavailable: a resource of the task has disappeared, so its result must not be acknowledged */
  confirm(): Promise<void>;
  end(): void;
  /** No caller waits for the task any more. What it has begun goes on. */
  abandon(): void;
  /**
   * Starts to check whether the resources of the task answer.
   * @returns a function that returns the error of a resource that has not answered yet; undefined when all have
   */
  checkResponding(): () => VolumeError | undefined;
}

/**
 * Runs the task; its result may be acknowledged once this resolves. If a resource has disappeared, that error replaces
 * the outcome, whether result or error.
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

/** A task that depends on no resources. */
export function workWithoutResources<AnyMethod>(method: AnyMethod): CallWork<AnyMethod> {
  return {
    method,
    lost: never,
    confirm: async () => {},
    end: () => {},
    abandon: () => {},
    checkResponding: () => () => undefined,
  };
}
