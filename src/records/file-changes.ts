import { Slots } from '../kernel/calls/slots.ts';
import { type FileOperation, OperationError } from '../kernel/files/file-operations.ts';
import { performOperations } from '../kernel/workers/file-tasks.ts';
import { areStepsPassed, type OnStep, type Step } from '../model/steps.ts';

/** A change to the files of a pool: operations, and the steps that are passed between them. */
export type FileChange = readonly (FileOperation | Step)[];

/** A change failed: what comes before an item of it is done, and what comes after it is not. */
export class FileChangeError extends Error {
  override readonly name = 'FileChangeError';
  /** The operation, or the step whose test made it fail. */
  readonly item: FileOperation | Step;

  constructor(item: FileOperation | Step, cause: unknown) {
    super('a change failed', { cause });
    this.item = item;
  }
}

// Each keeps a worker while its disk hangs, and more of them than this do not make a disk faster.
const MAX_CONCURRENT_CHANGES = 8;

/** Makes changes to the files of one pool: each as one task of a worker, and few at once. */
export class FileChanges {
  private readonly slots = new Slots(MAX_CONCURRENT_CHANGES);
  private readonly onStep: OnStep;

  constructor(onStep: OnStep) {
    this.onStep = onStep;
  }

  /** Makes a change up to the first item that fails. @throws FileChangeError */
  async make(change: FileChange): Promise<void> {
    // Only tests do something at steps, and they need the change to wait there.
    if (areStepsPassed(this.onStep)) await this.perform(change.filter(isOperation));
    else for (const item of change) await (isOperation(item) ? this.perform([item]) : this.pass(item));
  }

  private async perform(operations: readonly FileOperation[]): Promise<void> {
    await this.slots.acquire();
    try {
      await performOperations(operations);
    } catch (error) {
      const failed = error instanceof OperationError ? operations[error.index] : undefined;
      throw failed === undefined ? error : new FileChangeError(failed, (error as OperationError).cause);
    } finally {
      this.slots.release();
    }
  }

  private async pass(step: Step): Promise<void> {
    try {
      await this.onStep(step);
    } catch (error) {
      throw new FileChangeError(step, error);
    }
  }
}

function isOperation(item: FileOperation | Step): item is FileOperation {
  return typeof item !== 'string';
}
