import { errno, KernelError } from '../calls/errno.ts';

// Local file systems answer from memory, in microseconds; a server that is just slow, within two seconds. They are counted in
// ticks, so that a process that was stopped for a while finds the answers that came meanwhile.
const TICK_MS = 250;
const TICK_LIMIT = 8;
// Each look that never returns keeps a thread of libuv's pool; paths and loop devices are counted apart.
const HUNG_LIMIT = 5;

interface Look {
  /** True once the look has ended, false once its time is over. */
  readonly isInTime: Promise<boolean>;
}

/**
 * Looks at what may never answer: a mount whose server hangs, somebody else's loop device. A system call cannot be
 * cancelled, so at most one look at a time is made at each subject, few may hang altogether, and the caller goes on after
 * two seconds.
 */
export class Looks {
  private readonly running = new Map<string, Look>();
  private readonly hung = new Set<string>();

  /**
   * Runs a look after those at the same subject that came before it.
   * @param look must leave no trace, since it may end long after its caller has gone on
   * @throws KernelError ETIMEDOUT: it does not answer, or an earlier look still waits for it, or too many others hang
   */
  async at<T>(subject: string, look: () => Promise<T>): Promise<T> {
    for (let other = this.running.get(subject); other; other = this.running.get(subject)) {
      if (!(await other.isInTime)) throw noAnswer(subject);
    }
    if (this.isFull) throw noAnswer(subject);
    const work = look();
    if (await this.endsInTime(subject, work)) return work;
    throw noAnswer(subject);
  }

  /** Whether so many looks hang that no other is begun. */
  get isFull(): boolean {
    return this.hung.size >= HUNG_LIMIT;
  }

  /** Whether a look at a subject has not answered in time and is still waiting. */
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

function noAnswer(subject: string): KernelError {
  return new KernelError('look', errno.ETIMEDOUT, subject);
}
