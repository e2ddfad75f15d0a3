import { errno, KernelError } from '../calls/errno.ts';

// Local file systems answer from memory, in microseconds; a slow but working server, within two seconds. The limit is
// counted in ticks, so that a process that was stopped for a while sees the answers that arrived in the meantime.
const TICK_MS = 250;
const TICK_LIMIT = 8;
// Each probe that never returns keeps a thread of libuv's pool. Paths and loop devices are counted separately.
const HUNG_LIMIT = 5;

interface RunningProbe {
  /** True once the probe has ended, false once it has timed out. */
  readonly isInTime: Promise<boolean>;
}

/**
 * Looks at things that may never answer: a mount whose server hangs, or another program's loop device. System calls
 * cannot be cancelled, so each subject has at most one probe at a time, the number of hung probes is limited, and the
 * caller continues after two seconds.
 */
export class Probes {
  private readonly running = new Map<string, RunningProbe>();
  private readonly hung = new Set<string>();

  /**
   * Runs a probe after earlier probes at the same subject.
   * @param probe must have no side effects, since it may end long after its caller has continued
   * @throws KernelError ETIMEDOUT: the subject does not answer, an earlier probe at it still hangs, or too many others hang
   */
  async run<T>(subject: string, probe: () => Promise<T>): Promise<T> {
    for (let other = this.running.get(subject); other; other = this.running.get(subject)) {
      if (!(await other.isInTime)) throw timeoutError(subject);
    }
    if (this.isFull) throw timeoutError(subject);
    const work = probe();
    if (await this.endsInTime(subject, work)) return work;
    throw timeoutError(subject);
  }

  /** Whether too many probes hang to start another. */
  get isFull(): boolean {
    return this.hung.size >= HUNG_LIMIT;
  }

  /** Whether a probe at a subject has timed out and is still waiting. */
  isHung(subject: string): boolean {
    return this.hung.has(subject);
  }

  private endsInTime(subject: string, work: Promise<unknown>): Promise<boolean> {
    const isInTime = new Promise<boolean>((resolve) => {
      let tickCount = 0;
      const timer = setInterval(() => {
        if (++tickCount < TICK_LIMIT) return;
        clearInterval(timer);
        this.hung.add(subject);
        resolve(false);
      }, TICK_MS);
      const ended = () => {
        clearInterval(timer);
        this.running.delete(subject);
        this.hung.delete(subject);
        resolve(true);
      };
      work.then(ended, ended);
    });
    this.running.set(subject, { isInTime });
    return isInTime;
  }
}

function timeoutError(subject: string): KernelError {
  return new KernelError('probe', errno.ETIMEDOUT, subject);
}
