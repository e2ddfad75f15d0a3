import { uptime } from 'node:os';
import { VolumeError } from '../model/errors.ts';
import type { Volume } from '../model/objects/volume.ts';
import type { Parts } from '../model/parts.ts';
import { exclusive } from '../model/state/holds.ts';
import type { SurveyWork } from '../model/survey/surveys.ts';
import { ArchiveExpiry } from '../model/volumes/archive-expiry.ts';
import { purgeVolume } from '../model/volumes/purge-volume.ts';
import type { Logger } from '../observability/logger.ts';
import { during } from '../rpc/call-work.ts';

/** What the removal of archived volumes needs of the driver. */
export interface ArchiveRemovalParts {
  readonly model: Parts;
  readonly beginWork: () => SurveyWork;
  readonly logger: Logger;
}

// Volumes are archived, pools come back and clocks are set at any time.
const LOOK_INTERVAL_MS = 60_000;

/** Removes archived volumes that have expired, in the background. */
export class ArchiveRemoval {
  private readonly parts: ArchiveRemovalParts;
  private readonly expiry = new ArchiveExpiry();
  /** Why volumes could not be removed, so that it is logged once. */
  private readonly failures = new Map<string, string>();
  private timer: NodeJS.Timeout | undefined;
  private isStopped = false;

  constructor(parts: ArchiveRemovalParts) {
    this.parts = parts;
  }

  /** Looks now, and again whenever a volume expires. */
  start(): void {
    void this.look().then((nextMs) => {
      if (this.isStopped) return;
      this.timer = setTimeout(() => this.start(), Math.min(nextMs, LOOK_INTERVAL_MS)).unref();
    });
  }

  /** Begins no more removals. */
  stop(): void {
    this.isStopped = true;
    clearTimeout(this.timer);
  }

  /** @returns when to look again */
  private async look(): Promise<number> {
    const { model, logger } = this.parts;
    const retained = model.catalogue.retained.all();
    const { expired, due, nextMs } = this.expiry.look(retained, model.now(), uptimeMs());
    for (const volume of expired)
      logger.warn(describe(volume), 'archived volume has expired; will be removed');
    const unreachable = new Set<string>();
    for (const volume of due) {
      if (this.isStopped) break;
      if (unreachable.has(volume.pool)) continue;
      await this.remove(volume).catch((error: unknown) => {
        const kind = error instanceof VolumeError ? error.kind : undefined;
        if (kind === 'unavailable') unreachable.add(volume.pool);
        // A command is restoring or purging it.
        if (kind !== 'aborted') this.logFailure(volume, error);
      });
    }
    return nextMs;
  }

  private async remove(volume: Volume): Promise<void> {
    const { model, beginWork, logger } = this.parts;
    const held = model.holds.hold([exclusive('volume', volume.id)]);
    try {
      const work = beginWork();
      const catalogue = model.catalogue.withPools(work.pools);
      await during(work, async () => {
        // It may have been restored and deleted again since.
        const current = await catalogue.find(catalogue.retained, volume.id);
        if (current?.deletion?.expiresAt !== volume.deletion?.expiresAt) return;
        await purgeVolume({ ...model, catalogue }, held.exclusive('volume', volume.id));
        logger.info(describe(volume), 'removed expired archived volume');
      });
      this.failures.delete(volume.id);
    } finally {
      held.release();
    }
  }

  private logFailure(volume: Volume, err: unknown): void {
    const reason = err instanceof Error ? err.message : String(err);
    if (this.failures.get(volume.id) === reason) return;
    this.failures.set(volume.id, reason);
    this.parts.logger.error(
      { ...describe(volume), err },
      'cannot remove expired archived volume; will retry',
    );
  }
}

/** Time since the start of the machine, including that in which it slept. */
function uptimeMs(): number {
  return uptime() * 1000;
}

function describe({ id, pool, claim, deletion }: Volume): object {
  return { volumeId: id, pool, claim, deletedAt: deletion?.at, expiredAt: deletion?.expiresAt };
}
