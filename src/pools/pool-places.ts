import type { VolumeError } from '../model/errors.ts';
import { PatientQueue } from '../model/state/patient-queue.ts';

/** The places of a pool. Each that is taken must be given back. */
export class PoolPlaces {
  private free: number;
  private readonly refusal: () => VolumeError;
  private readonly entering: PatientQueue;
  private readonly returning: PatientQueue;

  /**
   * @param refusal the error if no place becomes free for a while, and the disk does not respond
   * @param waitForResponse resolves when it has
   */
  constructor(count: number, refusal: () => VolumeError, waitForResponse: () => Promise<void>) {
    this.free = count;
    this.refusal = refusal;
    this.entering = new PatientQueue(waitForResponse);
    this.returning = new PatientQueue(waitForResponse);
  }

  /** Takes a place, after those who have waited longer. @throws the refusal */
  take(): Promise<void> {
    return this.takeFrom(this.entering);
  }

  /** The same for one who had a place before, and goes first. */
  retake(): Promise<void> {
    return this.takeFrom(this.returning);
  }

  /** Gives a place back. */
  release(): void {
    for (const queue of [this.returning, this.entering]) queue.noteProgress();
    if (!this.returning.admitNext() && !this.entering.admitNext()) this.free++;
  }

  private async takeFrom(queue: PatientQueue): Promise<void> {
    if (this.free === 0) return queue.wait(this.refusal);
    this.free--;
  }
}
