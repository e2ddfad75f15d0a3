import { VolumeError } from '../errors.ts';
import type { Pools } from '../ports/pool.ts';
import { withoutStarting } from '../state/recounts.ts';
import { type PoolState, unknownState, type VolumeState } from './pool-state.ts';
import { type SurveyParts, surveyPool } from './survey-pool.ts';

/** One survey's use of the pools, as of a call. */
export interface SurveyWork {
  readonly pools: Pools;
  /** Aborted when one of the pools in use has disappeared. */
  readonly lost: AbortSignal;
  /** @throws VolumeError unavailable: one of the pools in use has disappeared */
  confirm(): Promise<void>;
  end(): void;
}

/** What surveys need besides the parts of the model. */
export interface SurveyContext {
  readonly includesVolumes: boolean;
  readonly beginWork: () => SurveyWork;
  /** Called with an error that is a bug. */
  readonly onError: (error: unknown) => void;
  /** A monotonic clock; for tests. */
  readonly nowMs?: () => number;
}

/** A survey in progress. */
export interface RunningSurvey {
  readonly startedAtMs: number;
  /** Resolves when it has ended, in whatever way. */
  readonly ended: Promise<void>;
}

/** The state of a pool as far as it is known. */
export interface KnownState extends Omit<PoolState, 'volumes'> {
  /** Whether all of it is from the last survey that was due; otherwise parts may be older, or missing. */
  readonly isComplete: boolean;
  /** When a survey was last complete; undefined if none ever was. */
  readonly completedAt: Date | undefined;
  /** Undefined if nothing is known about a volume. */
  volume(id: string): VolumeState | undefined;
}

// Several readers that come at about the same time get the same values.
const MIN_PAUSE_MS = 5000;
// Surveys of a pool take one part in ten of the time, unless they are so long that values would become too old.
const PAUSE_FACTOR = 9;
const MAX_PAUSE_MS = 60 * 1000;
// Values that could not be renewed for this long are no longer reported.
const FORGOTTEN_AFTER_MS = 5 * 60 * 1000;

/**
 * The state of all pools and volumes, for readers that come often and must never wait long. Each pool has at most one
 * survey at a time, which all readers share; a pool that hangs delays only its own.
 */
export class Surveys {
  private readonly parts: SurveyParts;
  private readonly context: Required<SurveyContext>;
  private readonly byPool = new Map<string, PoolSurveys>();
  private readonly stopped = new AbortController();

  constructor(parts: SurveyParts, context: SurveyContext) {
    this.parts = { ...parts, recounts: withoutStarting(parts.recounts) };
    this.context = { nowMs: () => performance.now(), ...context };
  }

  /** Starts the surveys that are due. @returns those in progress */
  refresh(): RunningSurvey[] {
    return this.parts.catalogue.pools.all.flatMap(({ name }) => this.of(name).refresh() ?? []);
  }

  /** Makes a survey of every pool due. */
  renew(): void {
    for (const surveys of this.byPool.values()) surveys.renew();
  }

  known(poolName: string): KnownState {
    return this.of(poolName).known;
  }

  /** Starts no more surveys. @returns when those in progress have ended, which takes long if a pool hangs */
  async stop(): Promise<void> {
    this.stopped.abort(new VolumeError('unavailable', 'the driver is stopping'));
    await Promise.all([...this.byPool.values()].map((surveys) => surveys.ended));
  }

  private of(poolName: string): PoolSurveys {
    const known = this.byPool.get(poolName);
    if (known) return known;
    const surveys = new PoolSurveys(poolName, this.parts, this.context, this.stopped.signal);
    this.byPool.set(poolName, surveys);
    return surveys;
  }
}

/** The surveys of one pool, one after the other. */
class PoolSurveys {
  private readonly poolName: string;
  private readonly parts: SurveyParts;
  private readonly context: Required<SurveyContext>;
  private readonly stopping: AbortSignal;
  private running: (RunningSurvey & { readonly state: PoolState }) | undefined;
  private last = unknownState();
  private completedAt: Date | undefined;
  private isOutdated = false;
  private nextAtMs = Number.NEGATIVE_INFINITY;
  /** Since when the values should have been renewed; undefined if they are up to date. */
  private overdueSinceMs: number | undefined;

  constructor(poolName: string, parts: SurveyParts, context: Required<SurveyContext>, stopping: AbortSignal) {
    this.poolName = poolName;
    this.parts = parts;
    this.context = context;
    this.stopping = stopping;
  }

  get ended(): Promise<void> {
    return this.running?.ended ?? Promise.resolve();
  }

  refresh(): RunningSurvey | undefined {
    const startedAtMs = this.context.nowMs();
    if (this.running || startedAtMs < this.nextAtMs || this.stopping.aborted) return this.running;
    this.overdueSinceMs ??= startedAtMs;
    const state = unknownState();
    const ended = this.run(state).then((isDone) => {
      this.running = undefined;
      const endedAtMs = this.context.nowMs();
      // A pool that could not be reached costs little, and may be back soon.
      const pauseMs = isDone && state.isReachable ? (endedAtMs - startedAtMs) * PAUSE_FACTOR : 0;
      if (!this.isOutdated)
        this.nextAtMs = endedAtMs + Math.min(MAX_PAUSE_MS, Math.max(MIN_PAUSE_MS, pauseMs));
      this.isOutdated = false;
    });
    this.running = { startedAtMs, ended, state };
    return this.running;
  }

  /** Makes a survey due; one that runs may have seen how things were before. */
  renew(): void {
    this.nextAtMs = Number.NEGATIVE_INFINITY;
    this.isOutdated = this.running !== undefined;
  }

  get known(): KnownState {
    const { overdueSinceMs, completedAt } = this;
    const isComplete = completedAt !== undefined && overdueSinceMs === undefined;
    const isForgotten =
      overdueSinceMs !== undefined && this.context.nowMs() - overdueSinceMs > FORGOTTEN_AFTER_MS;
    const last = isForgotten ? unknownState() : this.last;
    const now = isForgotten ? undefined : this.running?.state;
    return {
      isComplete,
      completedAt,
      isReachable: now?.isReachable ?? last.isReachable,
      usage: now?.usage ?? last.usage,
      provisionableBytes: now?.provisionableBytes ?? last.provisionableBytes,
      findings: now?.isReachable === undefined ? last.findings : now.findings,
      volume: (id) => now?.volumes.get(id) ?? last.volumes.get(id),
    };
  }

  /** Never rejects. @returns whether the survey was complete */
  private async run(state: PoolState): Promise<boolean> {
    const work = this.context.beginWork();
    let hasErrors = false;
    try {
      await this.survey(work, state, (error) => {
        hasErrors = true;
        this.context.onError(error);
      });
      this.last = state;
      if (hasErrors) return false;
      this.overdueSinceMs = undefined;
      this.completedAt = this.parts.now();
      return true;
    } catch (error) {
      // The disk has disappeared, or the driver is stopping.
      if (!(error instanceof VolumeError)) this.context.onError(error);
      return false;
    } finally {
      work.end();
    }
  }

  private async survey(work: SurveyWork, state: PoolState, onError: (error: unknown) => void): Promise<void> {
    const pool = work.pools.find(this.poolName);
    if (!pool) return;
    const parts = { ...this.parts, catalogue: this.parts.catalogue.withPools(work.pools) };
    const checkWanted = () => {
      this.stopping.throwIfAborted();
      work.lost.throwIfAborted();
    };
    const { includesVolumes } = this.context;
    await surveyPool(parts, pool, state, { includesVolumes, checkWanted, onError });
    await work.confirm();
  }
}
