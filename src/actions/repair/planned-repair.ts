import type { HealthReason } from '../../model/objects/finding.ts';
import type { Held, HoldRequest } from '../../model/state/holds.ts';

/** Something that is wrong, and that the driver can put right: nothing is lost that anyone may want. */
export interface RepairReport {
  /** As in the problem that `check` shows. */
  readonly subject: string;
  /** The reason of the finding, if health has it too. */
  readonly reason?: HealthReason;
  readonly problem: string;
  /** What is done about it, as an order: `unmount it`. */
  readonly repair: string;
}

/** A repair that can be made. */
export interface PlannedRepair extends RepairReport {
  /** What it holds while it runs. */
  readonly holds: readonly HoldRequest[];
  /**
   * Makes the repair, unless it is no longer needed.
   * @throws VolumeError with a sentence: it cannot be made now
   */
  run(held: Held, signal: AbortSignal): Promise<void>;
}

/** How a repair ended: without an error, it is made. */
export interface RepairOutcome extends RepairReport {
  readonly error?: string;
}
