import { quote, VolumeError } from '../errors.ts';
import type { FreezeMarks } from '../ports/ports.ts';
import type { Model } from '../state/model.ts';
import { MarkedFreeze, type MountedVolume } from './marked-freeze.ts';

/** How long writers may be kept waiting. */
const FREEZE_LIMIT_MS = 10_000;

/** The file systems of one copy. All lie in one pool. */
interface Freezes {
  readonly members: readonly MarkedFreeze[];
  readonly marks: FreezeMarks;
}

/**
 * Keeps all writers of these file systems waiting while `cut` runs, so that what it copies is of one instant. All lie in
 * one pool. Which ones are frozen is on its disk before the first one is, so that after a crash the next start thaws
 * them. They are thawed when the cut ends, and at once when it is stopped or takes too long, even if it hangs.
 * @param signal stops the cut
 * @param cut is to stop when its own signal says so
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
  // Writers must not wait for a cut that hangs. What fails here is tried again below.
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
    // Writers went on when it was stopped, so the copy may not be of one instant.
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
 * Thaws all that can be thawed, then removes the marks of all that is not frozen.
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
 * A mark that cannot be removed must not undo a copy that is whole. It does no harm: the next copy, look at the volume's
 * health, or start removes it.
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
