import { quote, VolumeError } from '../errors.ts';
import type { FreezeMarks } from '../ports/ports.ts';
import type { Model } from '../state/model.ts';
import { MarkedFreeze, type MountedVolume } from './marked-freeze.ts';

/** The maximum time that writers may wait. */
const FREEZE_LIMIT_MS = 10_000;

/** The file systems of one copy, all in one pool. */
interface Freezes {
  readonly members: readonly MarkedFreeze[];
  readonly marks: FreezeMarks;
}

/**
 * Makes all writers of these file systems wait while `cut` runs, so that its copy is of one point in time. All are in one
 * pool. Before the first one is frozen, they are all marked on the pool's disk, so that after a crash the next start thaws
 * them. They are thawed when the cut ends, and immediately if it is stopped or takes too long, even if it hangs.
 * @param signal stops the cut
 * @param cut must stop when its own signal is aborted
 * @throws VolumeError precondition: it took too long; aborted: one of them is being frozen or thawed already
 */
export async function withFrozen<T>(
  model: Model,
  mounted: readonly MountedVolume[],
  signal: AbortSignal,
  cut: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  const [first] = mounted;
  if (!first) return cut(signal);
  const ids = mounted.map(({ volume }) => volume.id);
  const busy = ids.find((id) => model.frozen.has(id) || model.thawing.has(id));
  if (busy !== undefined) throw new VolumeError('aborted', `volume ${quote(busy)} is frozen; call again`);
  const freezes = {
    members: mounted.map((each) => new MarkedFreeze(each)),
    marks: model.pools.of(first.volume).freezeMarks,
  };
  return model.frozen.during(ids, () => freezeMarked(model, freezes, signal, cut));
}

async function freezeMarked<T>(
  model: Model,
  freezes: Freezes,
  signal: AbortSignal,
  cut: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  const limit = new AbortController();
  const timer = setTimeout(() => limit.abort(tookTooLong(freezes)), FREEZE_LIMIT_MS);
  const stop = AbortSignal.any([signal, limit.signal]);
  // Writers must not wait for a cut that hangs. A failure here is retried below.
  const thawNow = () => void thawAndUnmark(freezes).catch(() => {});
  stop.addEventListener('abort', thawNow);
  try {
    stop.throwIfAborted();
    await mark(freezes);
    await model.onStep('freeze: marked');
    for (const member of freezes.members) {
      stop.throwIfAborted();
      await member.freeze();
    }
    stop.throwIfAborted();
    await model.onStep('freeze: frozen');
    const result = await cut(stop);
    await model.onStep('freeze: cut');
    // Writers continued when it was stopped, so the copy may not be of one point in time.
    stop.throwIfAborted();
    return result;
  } finally {
    clearTimeout(timer);
    stop.removeEventListener('abort', thawNow);
    await thawAndUnmark(freezes, () => model.onStep('freeze: thawed'));
    await model.onStep('freeze: unmarked');
  }
}

async function mark({ members, marks }: Freezes): Promise<void> {
  const left = new Set(await marks.add(members.map(({ volumeId }) => volumeId)));
  for (const member of members) member.marked({ isLeft: left.has(member.volumeId) });
}

/**
 * Thaws as many as possible, then removes the marks of those that are not frozen.
 * @throws the first error of a thaw
 */
async function thawAndUnmark(freezes: Freezes, onThawed?: () => unknown): Promise<void> {
  const outcomes = await Promise.allSettled(freezes.members.map((member) => member.thaw()));
  try {
    const failed = outcomes.find((outcome) => outcome.status === 'rejected');
    if (failed) throw failed.reason;
    await onThawed?.();
  } finally {
    await unmark(freezes);
  }
}

/**
 * A mark that cannot be removed must not undo a complete copy. It does no harm: the next copy, health check of the
 * volume, or start removes it.
 */
async function unmark({ members, marks }: Freezes): Promise<void> {
  const stale = members.filter(({ isMarkStale }) => isMarkStale);
  if (stale.length === 0) return;
  try {
    await marks.remove(stale.map(({ volumeId }) => volumeId));
    for (const member of stale) member.unmarked();
  } catch {}
}

function tookTooLong({ members }: Freezes): VolumeError {
  const what = members.map(({ volumeId }) => quote(volumeId)).join(', ');
  return new VolumeError(
    'precondition',
    `${what} could not be copied within the ${FREEZE_LIMIT_MS / 1000} s that writers may be kept waiting; unstage first, or copy within a pool that shares blocks between files`,
  );
}
