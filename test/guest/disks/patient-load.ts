import { type ServiceError, status } from '@grpc/grpc-js';
import { errno, isErrno } from '../../../src/kernel/calls/errno.ts';
import type { TestNode } from '../../support/test-node.ts';
import { Caller } from '../support/caller.ts';
import type { Progress } from '../support/check-node.ts';
import type { Call, Chain } from '../support/load.ts';

/** A call that was refused, or a write of a pod that failed. */
interface Failure {
  readonly call: Call;
  readonly error: unknown;
}

/** The calls of a load on a disk that fails: each is made until it is acknowledged, once the disk is repaired. */
export class PatientLoad {
  readonly failures: Failure[] = [];
  readonly progress: readonly Progress[];
  private readonly callers: readonly Caller[];
  private readonly ids: readonly Map<number, string>[];
  private readonly watchers = new Set<() => void>();
  private readonly waiting: (() => void)[] = [];
  private runningCount: number;

  constructor(node: TestNode, chains: readonly Chain[]) {
    this.callers = chains.map((chain) => new Caller(node, chain));
    this.ids = chains.map(() => new Map());
    this.progress = chains.map((chain, index) => ({
      chain,
      acknowledged: chain.calls.length,
      ids: this.ids[index] ?? new Map(),
    }));
    this.runningCount = chains.length;
  }

  async run(): Promise<void> {
    await Promise.all(this.progress.map((_, index) => this.runChain(index)));
  }

  /** Resolves when a call has failed since the last repair, or all are acknowledged. */
  someFailed(): Promise<void> {
    return this.until(() => this.waiting.length > 0 || this.runningCount === 0);
  }

  /** Resolves when no call goes on any more. */
  noneGoesOn(): Promise<void> {
    return this.until(() => this.waiting.length === this.runningCount);
  }

  /** Unstages everything, as when the pods are deleted. */
  async takeDown(): Promise<void> {
    for (const caller of this.callers) await caller.takeDown();
  }

  /** Has the failed calls made again. */
  goOn(): void {
    for (const resume of this.waiting.splice(0)) resume();
  }

  /** The failures that do not say what is wrong: with the pool, with the file system of a volume, or to a pod. */
  unclearFailures(): string[] {
    return this.failures.filter((failure) => !isClear(failure)).map(describe);
  }

  get lastFailure(): string | undefined {
    return this.failures.slice(-1).map(describe)[0];
  }

  private async runChain(index: number): Promise<void> {
    for (const [callIndex, call] of this.progress[index]?.chain.calls.entries() ?? []) {
      const id = await this.makeUntilAcknowledged(index, call);
      if (id !== undefined) this.ids[index]?.set(callIndex, id);
    }
    this.runningCount--;
    this.notify();
  }

  private async makeUntilAcknowledged(index: number, call: Call): Promise<string | undefined> {
    for (;;) {
      try {
        await this.callers[index]?.bringUp();
        return await this.callers[index]?.make(call);
      } catch (error) {
        this.failures.push({ call, error });
        const repaired = new Promise<void>((resolve) => this.waiting.push(resolve));
        this.notify();
        await repaired;
        // The pods of volumes that have failed are started again.
        await this.callers[index]?.takeDown();
      }
    }
  }

  private until(condition: () => boolean): Promise<void> {
    return new Promise((resolve) => {
      const watch = () => {
        if (!condition()) return;
        this.watchers.delete(watch);
        resolve();
      };
      this.watchers.add(watch);
      watch();
    });
  }

  private notify(): void {
    for (const watch of this.watchers) watch();
  }
}

function describe({ call, error }: Failure): string {
  return `${call.kind} ${call.name}: ${error}`;
}

function isClear({ call, error }: Failure): boolean {
  if (call.kind === 'write' && isErrno(error, errno.EIO, errno.EROFS)) return true;
  const { code, details = '' } = error as Partial<ServiceError>;
  if (code === status.UNAVAILABLE) return details.includes('pool "default"');
  // Of an image, whose own file system has met the fault.
  return code === status.FAILED_PRECONDITION && details.includes('file system');
}
