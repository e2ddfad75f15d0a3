import { errno, KernelError } from './errno.ts';

// Local file systems answer from memory, in microseconds; a server that is just slow, within this.
const LIMIT_MS = 2_000;
// Each look that never returns keeps a thread of libuv's pool, which has at least twice as many.
const HUNG_LIMIT = 8;

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
    if (this.hung.size >= HUNG_LIMIT) throw noAnswer(subject);
    const work = look();
    if (await this.endsInTime(subject, work)) return work;
    throw noAnswer(subject);
  }

  /** Whether a look at a subject has not answered in time and is still waiting. */
  isHung(subject: string): boolean {
    return this.hung.has(subject);
  }

  private endsInTime(subject: string, work: Promise<unknown>): Promise<boolean> {
    const isInTime = new Promise<boolean>((resolve) => {
      const timer = setTimeout(() => {
        this.hung.add(subject);
        resolve(false);
      }, LIMIT_MS);
      const ended = () => {
        clearTimeout(timer);
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
