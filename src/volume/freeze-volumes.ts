import { quote, VolumeError } from './errors.ts';
import type { Model } from './model.ts';
import { namingPool } from './naming-pool.ts';
import type { Volume } from './volume.ts';

/** A volume whose file system is mounted, and where. */
export interface MountedVolume {
  readonly volume: Volume;
  readonly path: string;
}

/** How long writers may be kept waiting. */
const FREEZE_LIMIT_MS = 10_000;

/**
 * Lets nobody write to any of these file systems while `cut` runs, so that what it copies is of one instant. All lie
 * in one pool. Which ones are frozen is on its disk before the first one is, so that after a crash the next start thaws
 * them.
 * @param cut is to stop when its signal says that the writers have waited for too long
 * @throws VolumeError precondition: it took too long; aborted: one of them is being frozen already
 */
export async function withFrozen<T>(
  model: Model,
  mounted: readonly MountedVolume[],
  cut: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  const ids = mounted.map(({ volume }) => volume.id);
  for (const id of ids) {
    if (model.frozen.has(id)) throw new VolumeError('aborted', `volume ${quote(id)} is frozen; call again`);
  }
  return model.frozen.during(ids, () => freezeMarked(model, mounted, ids, cut));
}

async function freezeMarked<T>(
  model: Model,
  mounted: readonly MountedVolume[],
  ids: readonly string[],
  cut: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  const [first] = mounted;
  if (!first) return cut(new AbortController().signal);
  const { freezeMarks } = model.pools.of(first.volume);
  const leftFrozen = new Set(await freezeMarks.add(ids));
  await model.onStep('freeze: marked');
  const ours = new Set<string>();
  const thawAll = async () => {
    const thawing = [...ours].map(async (path) => {
      await model.mounts.thaw(path);
      ours.delete(path);
    });
    const failed = (await Promise.allSettled(thawing)).find(({ status }) => status === 'rejected');
    if (failed?.status === 'rejected') throw failed.reason;
  };
  const limit = new AbortController();
  const timer = setTimeout(() => {
    limit.abort(tookTooLong(ids));
    // A copy that hangs must not keep the writers waiting until it ends. What fails here fails again below.
    void thawAll().catch(() => {});
  }, FREEZE_LIMIT_MS);
  try {
    for (const { volume, path } of mounted) {
      // What somebody else has frozen stands still as well, and is theirs to thaw; what was left marked is not theirs.
      const isFrozen = await namingPool(volume, () => model.mounts.freeze(path));
      if (isFrozen || leftFrozen.has(volume.id)) ours.add(path);
    }
    await model.onStep('freeze: frozen');
    const result = await cut(limit.signal);
    await model.onStep('freeze: cut');
    limit.signal.throwIfAborted();
    return result;
  } finally {
    clearTimeout(timer);
    await thawAll();
    await model.onStep('freeze: thawed');
    await freezeMarks.remove(ids);
    await model.onStep('freeze: unmarked');
  }
}

function tookTooLong(ids: readonly string[]): VolumeError {
  const what = ids.map(quote).join(', ');
  return new VolumeError(
    'precondition',
    `${what} could not be copied within the ${FREEZE_LIMIT_MS / 1000} s that writers may be kept waiting; unstage first, or copy within a pool that shares blocks between files`,
  );
}
