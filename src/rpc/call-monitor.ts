import { status } from '@grpc/grpc-js';
import { statusOf } from './status.ts';

/** One finished call, for the log. */
export interface FinishedCall {
  /** Path of the method, for instance `/csi.v1.Node/NodeStageVolume`. */
  readonly path: string;
  readonly code: status;
  readonly durationMs: number;
  readonly request: unknown;
  readonly reply: unknown;
  /** The value thrown by a failed call. */
  readonly error: unknown;
}

/** Tracks the calls in progress, and reports each when it ends. */
export class CallMonitor {
  private readonly onFinished: (call: FinishedCall) => void;
  private readonly explain: (error: unknown) => unknown;
  private readonly idleListeners: (() => void)[] = [];
  private activeCount = 0;

  /** @param explain replaces an error that would otherwise be an internal fault by one for the caller */
  constructor(
    onFinished: (call: FinishedCall) => void,
    explain: (error: unknown) => unknown = (error) => error,
  ) {
    this.onFinished = onFinished;
    this.explain = explain;
  }

  /** Runs one monitored call. */
  async watch(path: string, request: unknown, run: () => Promise<unknown>): Promise<unknown> {
    const startedAt = performance.now();
    const finished = (code: status, reply: unknown, error: unknown) =>
      this.onFinished({ path, code, durationMs: performance.now() - startedAt, request, reply, error });
    this.activeCount++;
    try {
      const reply = await run();
      finished(status.OK, reply, undefined);
      return reply;
    } catch (thrown) {
      const error = this.explain(thrown);
      finished(statusOf(error).code, undefined, error);
      throw error;
    } finally {
      this.activeCount--;
      if (this.activeCount === 0) for (const listener of this.idleListeners.splice(0)) listener();
    }
  }

  /**
   * Reports a call that is answered with an error while its work continues. It is reported again when the work ends.
   */
  giveUp(path: string, request: unknown, error: unknown): void {
    const { code } = statusOf(error);
    this.onFinished({ path, code, durationMs: 0, request, reply: undefined, error });
  }

  /** Resolves when no call is in progress. */
  idle(): Promise<void> {
    if (this.activeCount === 0) return Promise.resolve();
    return new Promise((resolve) => this.idleListeners.push(resolve));
  }
}
