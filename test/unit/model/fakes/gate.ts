import type { OnStep, Step } from '../../../../src/model/steps.ts';

/** A place where the first operation that reaches it waits, so that a test can do something during it. */
export interface Gate {
  readonly onStep: OnStep;
  /** Resolves when an operation waits. */
  readonly reached: Promise<void>;
  open(): void;
}

export function gateAt(step: Step): Gate {
  const reached = deferred();
  const opened = deferred();
  let isFirst = true;
  const onStep: OnStep = async (current) => {
    if (current !== step || !isFirst) return;
    isFirst = false;
    reached.resolve();
    await opened.promise;
  };
  return { onStep, reached: reached.promise, open: opened.resolve };
}

/** An OnStep that fails at one step, each time. */
export function failAt(step: Step, error: Error): OnStep {
  return (current) => {
    if (current === step) throw error;
  };
}

export interface Deferred<T> {
  readonly promise: Promise<T>;
  resolve(value: T): void;
  reject(error: unknown): void;
}

/** A promise that is settled from outside. */
export function deferred<T = void>(): Deferred<T> {
  let settle: Pick<Deferred<T>, 'resolve' | 'reject'> | undefined;
  const promise = new Promise<T>((resolve, reject) => {
    settle = { resolve, reject };
  });
  if (!settle) throw new Error('a promise runs its executor at once');
  return { promise, ...settle };
}

/** Runs everything that can continue without outside help. */
export function settled(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
