import { status } from '@grpc/grpc-js';
import { statusOf } from './status.ts';

/** One finished call. */
export interface FinishedCall {
  /** Path of the method, for instance `/csi.v1.Node/NodeStageVolume`. */
  readonly path: string;
  readonly code: status;
  readonly durationMs: number;
  readonly request: unknown;
  readonly reply: unknown;
  /** The value thrown by a failed call. */
  readonly error: unknown;
  /** Whether the call was reported before, as stalled: this is the end of its work, and not what the caller got. */
  readonly isRepeated: boolean;
}

/** Tracks the calls in progress, and reports each when it ends. */
export class CallMonitor {
  private readonly onFinished: (call: FinishedCall) => void;
  private readonly explain: (error: unknown) => unknown;
  private readonly idleListeners: (() => void)[] = [];
  private readonly active = new Map<string, number>();

  /** @param explain replaces an error that would otherwise be an internal fault by one for the caller */
  constructor(
    onFinished: (call: FinishedCall) => void,
    explain: (error: unknown) => unknown = (error) => error,
  ) {
    this.onFinished = onFinished;
    this.explain = explain;
  }

  /** The number of calls in progress, by the path of their method. */
  get activeCounts(): ReadonlyMap<string, number> {
    return this.active;
  }

  /** Runs one monitored call. */
  run(path: string, request: unknown, handle: () => Promise<unknown>): Promise<unknown> {
    return this.start(path, request).run(handle);
  }

  /** Starts to monitor a call, which may be reported as stalled while it runs. */
  start(path: string, request: unknown): MonitoredCall {
    const startedAt = performance.now();
    let isRepeated = false;
    const report = (code: status, reply: unknown, error: unknown) =>
      this.onFinished({
        path,
        code,
        durationMs: performance.now() - startedAt,
        request,
        reply,
        error,
        isRepeated,
      });
    return {
      run: (handle) => this.track(path, handle, report),
      reportStalled(error) {
        report(statusOf(error).code, undefined, error);
        isRepeated = true;
      },
    };
  }

  /** Resolves when no call is in progress. */
  idle(): Promise<void> {
    if (this.active.size === 0) return Promise.resolve();
    return new Promise((resolve) => this.idleListeners.push(resolve));
  }

  private async track(path: string, handle: () => Promise<unknown>, report: Report): Promise<unknown> {
    this.active.set(path, (this.active.get(path) ?? 0) + 1);
    try {
      const reply = await handle();
      report(status.OK, reply, undefined);
      return reply;
    } catch (thrown) {
      const error = this.explain(thrown);
      report(statusOf(error).code, undefined, error);
      throw error;
    } finally {
      this.end(path);
    }
  }

  private end(path: string): void {
    const left = (this.active.get(path) ?? 1) - 1;
    if (left > 0) this.active.set(path, left);
    else this.active.delete(path);
    if (this.active.size === 0) for (const listener of this.idleListeners.splice(0)) listener();
  }
}

type Report = (code: status, reply: unknown, error: unknown) => void;

/** One call while it is monitored. */
export interface MonitoredCall {
  /** Runs its work, once. */
  run(handle: () => Promise<unknown>): Promise<unknown>;
  /** Reports that it is answered with an error while its work continues. It is reported again when the work ends. */
  reportStalled(error: unknown): void;
}
