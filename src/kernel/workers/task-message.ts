import { errnoOf, KernelError } from '../calls/errno.ts';
import { StoppedError } from '../calls/stop-flag.ts';
import { isSourceError, markSourceError, TreeObstacleError } from '../files/copy-source.ts';
import { OperationError } from '../files/file-operations.ts';

/** What a worker is asked to do. */
export interface TaskRequest {
  readonly name: string;
  readonly args: readonly unknown[];
  /** The memory of the `StopFlag` that stops the task. */
  readonly stop: Int32Array<SharedArrayBuffer> | undefined;
}

/** What a worker answers: any number of reports, then a reply. */
export type TaskMessage = TaskReport | TaskReply;

/** How far a copy is. */
export type TaskReport = { readonly copiedBytes: bigint } | { readonly waitsFor: string };

/** How a task ended. */
export type TaskReply = { readonly value: unknown } | { readonly failure: TaskFailure };

export function isReply(message: TaskMessage): message is TaskReply {
  return 'value' in message || 'failure' in message;
}

/** An error as it is sent between threads, where it would lose its properties and its class. */
export type TaskFailure =
  | {
      readonly kind: 'system';
      readonly syscall: string;
      readonly errno: number;
      readonly subject: string;
      readonly isSource: boolean;
    }
  | { readonly kind: 'operation'; readonly index: number; readonly cause: TaskFailure }
  | { readonly kind: 'obstacle'; readonly message: string }
  | { readonly kind: 'stopped' }
  | { readonly kind: 'other'; readonly error: unknown };

export function toFailure(error: unknown): TaskFailure {
  if (error instanceof StoppedError) return { kind: 'stopped' };
  if (error instanceof TreeObstacleError) return { kind: 'obstacle', message: error.message };
  if (error instanceof OperationError) {
    return { kind: 'operation', index: error.index, cause: toFailure(error.cause) };
  }
  const errno = errnoOf(error);
  if (errno === undefined) return { kind: 'other', error };
  const { syscall = 'call', path, message } = error as NodeJS.ErrnoException;
  const subject = subjectOf(error) ?? path ?? message;
  return { kind: 'system', syscall, errno, subject, isSource: isSourceError(error) };
}

/** @param stopReason why the task was stopped, if it was */
export function fromFailure(failure: TaskFailure, stopReason?: unknown): unknown {
  switch (failure.kind) {
    case 'system': {
      const error = new KernelError(failure.syscall, failure.errno, failure.subject);
      return failure.isSource ? markSourceError(error) : error;
    }
    case 'operation':
      return new OperationError(failure.index, fromFailure(failure.cause));
    case 'obstacle':
      return new TreeObstacleError(failure.message);
    case 'stopped':
      return stopReason;
    case 'other':
      return failure.error;
  }
}

function subjectOf(error: unknown): string | undefined {
  return error instanceof KernelError ? error.subject : undefined;
}
