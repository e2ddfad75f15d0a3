import { quote, VolumeError } from '../errors.ts';
import type { CopyControl } from '../ports/ports.ts';
import { PatientQueue } from './patient-queue.ts';

/** The progress of a copy. */
export interface CopyProgress {
  /** The id of the new object. */
  readonly id: string;
  /** The id of the source. */
  readonly from: string;
  readonly state: 'started' | 'running' | 'waiting' | 'done' | 'failed';
  /** The file that a copy waits for, because a process holds a lease on it. */
  readonly file?: string;
  /** Bytes really copied; blocks shared with the original do not count. */
  readonly copiedBytes: bigint;
  readonly durationMs: number;
}

/** One copy. */
export interface CopyRequest {
  readonly id: string;
  readonly from: string;
  /** The name of the pool of the new object. */
  readonly pool: string;
  /** Whether its duration depends on the size of the content, so that it needs a turn. */
  readonly isLong: boolean;
}

/** A long copy in progress. */
export interface RunningCopy {
  /** The id of the new object. */
  readonly id: string;
  /** The id of the source. */
  readonly from: string;
  readonly pool: string;
  /** As in `CopyProgress`. */
  readonly copiedBytes: bigint;
  /** About how many bytes there are to copy; undefined if that is unknown, or most of them are shared. */
  readonly expectedBytes: bigint | undefined;
  /** Whether it waits for a file. */
  readonly isWaiting: boolean;
}

/** The copies of a pool since the start of the driver; of the short ones, only their bytes. */
export interface CopyTotals {
  readonly done: number;
  readonly failed: number;
  readonly copiedBytes: bigint;
}

const noCopies: CopyTotals = { done: 0, failed: 0, copiedBytes: 0n };

interface Job {
  readonly request: CopyRequest;
  readonly controller: AbortController;
  settled: Promise<unknown>;
  copiedBytes: bigint;
  expectedBytes: bigint | undefined;
  /** When it last reported that it waits for a file. */
  waitedAtMs: number;
}

const REPORT_INTERVAL_MS = 10_000;
// A waiting copy reports at least twice a second, or less often on a busy machine.
const WAITING_MS = 5000;
// Copies that wait for a file lend their turns to others, up to this many copies for each of the turns.
const COPIES_PER_TURN = 4;

/** Waits as `wait` does, which ends early if no caller waits any more; the resources of the call are free in the meantime. */
export type WaitOutside = (wait: (gone?: AbortSignal) => Promise<void>) => Promise<void>;

/**
 * The copies in progress. A call that waits for a copy may end; the copy goes on, and only the deletion of the new
 * object, or the end of the driver, stops it. The code that started it removes the partial result.
 */
export class Copies {
  private readonly limit: number;
  private readonly report: (progress: CopyProgress) => void;
  private readonly queue = new PatientQueue();
  private takenTurns = 0;
  private readonly jobs = new Map<string, Job>();
  private readonly totalsByPool = new Map<string, CopyTotals>();
  private isStopped = false;

  /** @param limit the maximum number of concurrent long copies @param report called with their progress */
  constructor(limit: number, report: (progress: CopyProgress) => void) {
    this.limit = limit;
    this.report = report;
  }

  /**
   * Makes an object with long copies when it is its turn, after those who have waited longer. Once begun, it goes on to its end.
   * @param from the id of a source
   * @throws VolumeError aborted: no turn has ended for a while, or no caller waits any more; unavailable: the driver is stopping
   */
  async inTurn<T>(from: string, waitOutside: WaitOutside, make: () => Promise<T>): Promise<T> {
    await this.takeTurn(from, waitOutside);
    try {
      return await make();
    } finally {
      this.endTurn();
    }
  }

  /**
   * Runs a copy; a long one in its turn.
   * @throws VolumeError aborted: the copy was stopped; unavailable: the driver is stopping
   */
  async run<T>(request: CopyRequest, work: (control: CopyControl) => Promise<T>): Promise<T> {
    this.checkRunning();
    const job: Job = {
      request,
      controller: new AbortController(),
      settled: Promise.resolve(),
      copiedBytes: 0n,
      expectedBytes: undefined,
      waitedAtMs: Number.NEGATIVE_INFINITY,
    };
    this.jobs.set(request.id, job);
    const running = this.runWithReports(job, work);
    job.settled = running.catch(() => {});
    try {
      return await running;
    } finally {
      this.jobs.delete(request.id);
    }
  }

  /** The long copies in progress. */
  get running(): RunningCopy[] {
    return this.longJobs.map((job) => ({
      id: job.request.id,
      from: job.request.from,
      pool: job.request.pool,
      copiedBytes: job.copiedBytes,
      expectedBytes: job.expectedBytes,
      isWaiting: isWaiting(job),
    }));
  }

  /** What was copied to a pool until now. */
  totalsOf(pool: string): CopyTotals {
    return this.totalsByPool.get(pool) ?? noCopies;
  }

  /** Adds to the bytes that the copy with this id has to copy, if it is in progress. */
  expect(id: string, bytes: bigint): void {
    const job = this.jobs.get(id);
    if (job) job.expectedBytes = (job.expectedBytes ?? 0n) + bytes;
  }

  /** Stops the copy that creates this object, if there is one, and waits for its end. */
  async cancel(id: string): Promise<void> {
    const job = this.jobs.get(id);
    job?.controller.abort(new VolumeError('aborted', `${quote(id)} was deleted during its creation`));
    await job?.settled;
  }

  /** Stops every copy, and lets none start. */
  async stop(): Promise<void> {
    this.isStopped = true;
    const jobs = [...this.jobs.values()];
    const reason = new VolumeError('unavailable', 'the driver is stopping; retry after its restart');
    this.queue.refuseAll(reason);
    for (const { controller } of jobs) controller.abort(reason);
    await Promise.all(jobs.map(({ settled }) => settled));
  }

  private get longJobs(): Job[] {
    return [...this.jobs.values()].filter(({ request }) => request.isLong);
  }

  private checkRunning(): void {
    if (this.isStopped) throw new VolumeError('unavailable', 'the driver is stopping');
  }

  private async takeTurn(from: string, waitOutside: WaitOutside): Promise<void> {
    this.checkRunning();
    if (this.queue.isEmpty && this.hasFreeTurn) {
      this.takenTurns++;
      return;
    }
    const message = `cannot copy ${quote(from)}: too many copies in progress (limit ${this.limit}); retry later`;
    let isTaken = false;
    try {
      await waitOutside(async (gone) => {
        await this.queue.wait(() => new VolumeError('aborted', message), gone);
        isTaken = true;
      });
    } catch (error) {
      if (isTaken) this.endTurn();
      throw error;
    }
  }

  private endTurn(): void {
    this.takenTurns--;
    this.queue.noteProgress();
    this.giveTurns();
  }

  private giveTurns(): void {
    while (this.hasFreeTurn && this.queue.admitNext()) this.takenTurns++;
  }

  private get hasFreeTurn(): boolean {
    const lent = this.longJobs.filter(isWaiting).length;
    return this.takenTurns - lent < this.limit && this.takenTurns < this.limit * COPIES_PER_TURN;
  }

  private async runWithReports<T>(job: Job, work: (control: CopyControl) => Promise<T>): Promise<T> {
    const { id, from, isLong } = job.request;
    const startedAt = performance.now();
    let reportedAt = startedAt;
    const report = (state: CopyProgress['state'], more: Pick<CopyProgress, 'file'> = {}) => {
      reportedAt = performance.now();
      const { copiedBytes } = job;
      if (isLong) this.report({ id, from, state, copiedBytes, durationMs: reportedAt - startedAt, ...more });
    };
    const isDue = () => performance.now() - reportedAt >= REPORT_INTERVAL_MS;
    const onBytes = (bytes: bigint) => {
      job.copiedBytes += bytes;
      this.count(job, { copiedBytes: bytes });
      if (isDue()) report('running');
    };
    const onWait = (file: string) => {
      job.waitedAtMs = performance.now();
      this.giveTurns();
      if (isDue()) report('waiting', { file });
    };
    report('started');
    try {
      const result = await work({ signal: job.controller.signal, onBytes, onWait });
      if (isLong) this.count(job, { done: 1 });
      report('done');
      return result;
    } catch (error) {
      if (isLong) this.count(job, { failed: 1 });
      report('failed');
      throw error;
    }
  }

  private count(
    { request: { pool } }: Job,
    { done = 0, failed = 0, copiedBytes = 0n }: Partial<CopyTotals>,
  ): void {
    const before = this.totalsOf(pool);
    this.totalsByPool.set(pool, {
      done: before.done + done,
      failed: before.failed + failed,
      copiedBytes: before.copiedBytes + copiedBytes,
    });
  }
}

function isWaiting({ waitedAtMs }: Job): boolean {
  return performance.now() - waitedAtMs < WAITING_MS;
}
