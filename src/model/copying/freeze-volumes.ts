import { quote, VolumeError } from '../errors.ts';
import type { Parts } from '../parts.ts';
import type { FreezeMarks } from '../ports/ports.ts';
import type { OnStep } from '../steps.ts';
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
 * @param copy must stop when its own signal is aborted
 * @throws VolumeError precondition: it took too long; aborted: one of them is being frozen or thawed already
 */
export async function withFrozen<T>(
  parts: Parts<'catalogue' | 'holds' | 'onStep'>,
  mounted: readonly MountedVolume[],
  signal: AbortSignal,
  copy: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  const [first] = mounted;
  if (!first) return copy(signal);
  const ids = mounted.map(({ volume }) => volume.id);
  const busy = ids.find((id) => parts.holds.freezing.has(id) || parts.holds.thawing.has(id));
  if (busy !== undefined) throw new VolumeError('aborted', `volume ${quote(busy)} is frozen; retry later`);
  const freezes = {
    members: mounted.map((each) => new MarkedFreeze(each)),
    marks: parts.catalogue.pools.of(first.volume).freezeMarks,
  };
  return parts.holds.freezing.during(ids, () => freezeMarked(parts.onStep, freezes, signal, copy));
}

async function freezeMarked<T>(
  onStep: OnStep,
  freezes: Freezes,
  signal: AbortSignal,
  copy: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  const limit = new AbortController();
  const timer = setTimeout(() => limit.abort(freezeTimeoutError(freezes)), FREEZE_LIMIT_MS);
  const stop = AbortSignal.any([signal, limit.signal]);
  // Writers must not wait for a cut that hangs. A failure here is retried below.
  const thawNow = () => void thawAndUnmark(freezes).catch(() => {});
  stop.addEventListener('abort', thawNow);
  try {
    stop.throwIfAborted();
    await mark(freezes);
    await onStep('freeze: marked');
    for (const member of freezes.members) {
      stop.throwIfAborted();
      await member.freeze();
    }
    stop.throwIfAborted();
    await onStep('freeze: frozen');
    const result = await copy(stop);
    await onStep('freeze: cut');
    // Writers continued when it was stopped, so the copy may not be of one point in time.
    stop.throwIfAborted();
    return result;
  } finally {
    clearTimeout(timer);
    stop.removeEventListener('abort', thawNow);
    await thawAndUnmark(freezes, () => onStep('freeze: thawed'));
    await onStep('freeze: unmarked');
  }
}

async function mark({ members, marks }: Freezes): Promise<void> {
  const left = new Set(await marks.add(members.map(({ volumeId }) => volumeId)));
  for (const member of members) member.setMarked({ isLeftover: left.has(member.volumeId) });
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
    for (const member of stale) member.clearMarked();
  } catch {}
}

function freezeTimeoutError({ members }: Freezes): VolumeError {
  const what = members.map(({ volumeId }) => quote(volumeId)).join(', ');
  return new VolumeError(
    'precondition',
    `copying ${what} took longer than ${FREEZE_LIMIT_MS / 1000} s, the limit for blocking writers; unstage first, or copy within a pool that shares blocks between files`,
  );
}
