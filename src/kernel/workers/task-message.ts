import { errnoOf, KernelError } from '../calls/errno.ts';
import { OperationError } from '../files/file-operations.ts';

/** What a worker is asked to do. */
export interface TaskRequest {
  readonly name: string;
  readonly args: readonly unknown[];
}

/** How that ended. */
export type TaskReply = { readonly value: unknown } | { readonly failure: TaskFailure };

/** An error as it is sent between threads, where it would lose its properties and its class. */
export type TaskFailure =
  | { readonly kind: 'system'; readonly syscall: string; readonly errno: number; readonly subject: string }
  | { readonly kind: 'operation'; readonly index: number; readonly cause: TaskFailure }
  | { readonly kind: 'other'; readonly error: unknown };

export function toFailure(error: unknown): TaskFailure {
  if (error instanceof OperationError) {
    return { kind: 'operation', index: error.index, cause: toFailure(error.cause) };
  }
  const errno = errnoOf(error);
  if (errno === undefined) return { kind: 'other', error };
  const { syscall = 'call', path, message } = error as NodeJS.ErrnoException;
  return { kind: 'system', syscall, errno, subject: subjectOf(error) ?? path ?? message };
}

export function fromFailure(failure: TaskFailure): unknown {
  switch (failure.kind) {
    case 'system':
      return new KernelError(failure.syscall, failure.errno, failure.subject);
    case 'operation':
      return new OperationError(failure.index, fromFailure(failure.cause));
    case 'other':
      return failure.error;
  }
}

function subjectOf(error: unknown): string | undefined {
  return error instanceof KernelError ? error.subject : undefined;
}
