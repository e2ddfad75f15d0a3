import { quote, VolumeError } from '../errors.ts';
import type { CopyControl } from '../ports/ports.ts';

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
export interface CopyOrder {
  readonly id: string;
  readonly from: string;
  /** Whether its duration depends on the size of the content, so that it needs one of the slots. */
  readonly isLong: boolean;
}

interface Job {
  readonly controller: AbortController;
  readonly settled: Promise<unknown>;
}

const REPORT_INTERVAL_MS = 10_000;
// A waiting copy reports at least twice a second, or less often on a busy machine.
const WAITING_MS = 5000;
// Copies that wait give up their slots, but the total number of copies is limited to this many times the slots.
const COPIES_FOR_EACH_SLOT = 4;

/**
 * The copies in progress. A call that waits for a copy may end; the copy goes on, and only the deletion of the new
 * object, or the end of the driver, stops it. The code that started it removes the partial result.
 */
export class Copies {
  private readonly slotLimit: number;
  private readonly report: (progress: CopyProgress) => void;
  private readonly jobs = new Map<string, Job>();
  private readonly beingMade = new Map<string, Promise<unknown>>();
  private longCount = 0;
  /** When each long copy that has waited for a file last reported that. */
  private readonly waitedAtMs = new Map<string, number>();
  private isStopped = false;

  /** @param slotLimit the maximum number of concurrent long copies @param report called with their progress */
  constructor(slotLimit: number, report: (progress: CopyProgress) => void) {
    this.slotLimit = slotLimit;
    this.report = report;
  }

  /**
   * Runs a copy.
   * @throws VolumeError aborted: every slot is taken, or the copy was stopped; unavailable: the driver is stopping
   */
  async run<T>(order: CopyOrder, work: (control: CopyControl) => Promise<T>): Promise<T> {
    if (this.isStopped) throw new VolumeError('unavailable', 'the driver is stopping');
    if (order.isLong) this.takeSlot(order);
    const controller = new AbortController();
    const settled = this.watch(order, controller.signal, work);
    this.jobs.set(order.id, { controller, settled: settled.catch(() => {}) });
    try {
      return await settled;
    } finally {
      this.jobs.delete(order.id);
      this.waitedAtMs.delete(order.id);
      if (order.isLong) this.longCount--;
    }
  }

  /** Creates an object that includes a copy: from before it is on the disk until it is in the index. */
  async making<T>(id: string, make: () => Promise<T>): Promise<T> {
    const made = make();
    const settled = made.catch(() => {});
    this.beingMade.set(id, settled);
    try {
      return await made;
    } finally {
      this.beingMade.delete(id);
    }
  }

  /**
   * Stops the copy that creates this object, if there is one. Resolves when no work on the object is left: then it
   * does not exist, or was complete already.
   */
  async cancel(id: string): Promise<void> {
    const job = this.jobs.get(id);
    job?.controller.abort(new VolumeError('aborted', `${quote(id)} was deleted while it was being made`));
    await job?.settled;
    await this.beingMade.get(id);
  }

  /** Stops every copy, and lets none start. */
  async stop(): Promise<void> {
    this.isStopped = true;
    const jobs = [...this.jobs.values()];
    const reason = new VolumeError('unavailable', 'the driver is stopping; call again when it is back');
    for (const { controller } of jobs) controller.abort(reason);
    await Promise.all(jobs.map(({ settled }) => settled));
  }

  private takeSlot({ from }: CopyOrder): void {
    const now = performance.now();
    const waiting = [...this.waitedAtMs.values()].filter((atMs) => now - atMs < WAITING_MS);
    const isFull = this.longCount - waiting.length >= this.slotLimit;
    if (isFull || this.longCount >= this.slotLimit * COPIES_FOR_EACH_SLOT) {
      const message = `${quote(from)} is not copied yet: ${this.slotLimit} copies are under way, and no more at once; call again`;
      throw new VolumeError('aborted', message);
    }
    this.longCount++;
  }

  private async watch<T>(
    { id, from, isLong }: CopyOrder,
    signal: AbortSignal,
    work: (control: CopyControl) => Promise<T>,
  ): Promise<T> {
    const startedAt = performance.now();
    let reportedAt = startedAt;
    let copiedBytes = 0n;
    const tell = (state: CopyProgress['state'], more: Pick<CopyProgress, 'file'> = {}) => {
      reportedAt = performance.now();
      if (isLong) this.report({ id, from, state, copiedBytes, durationMs: reportedAt - startedAt, ...more });
    };
    const isDue = () => performance.now() - reportedAt >= REPORT_INTERVAL_MS;
    const onBytes = (bytes: bigint) => {
      copiedBytes += bytes;
      if (isDue()) tell('running');
    };
    const onWait = (file: string) => {
      if (isLong) this.waitedAtMs.set(id, performance.now());
      if (isDue()) tell('waiting', { file });
    };
    tell('started');
    try {
      const result = await work({ signal, onBytes, onWait });
      tell('done');
      return result;
    } catch (error) {
      tell('failed');
      throw error;
    }
  }
}
