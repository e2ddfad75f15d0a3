import { quote, VolumeError } from './errors.ts';
import { type MountedVolume, withFrozen } from './freeze-volumes.ts';
import type { Model } from './model.ts';
import { namingPool } from './naming-pool.ts';
import { contentPathOf, isVolumeAt } from './staged-content.ts';
import { isBlock, type Volume } from './volume.ts';

/** How a volume is used at the moment, as far as that matters to a copy of it. */
export type Usage =
  /** Nobody writes to it. */
  | { readonly kind: 'unused' }
  /** A directory that is mounted. */
  | { readonly kind: 'directory' }
  /** An image whose file system is mounted. */
  | ({ readonly kind: 'mounted' } & MountedVolume)
  /** An image that is attached: a block volume, or one that is mounted where nobody here can see it. */
  | { readonly kind: 'attached'; readonly device: string };

/** How a volume is used. The caller keeps others from staging it meanwhile. */
export async function usageOf(model: Model, volume: Volume): Promise<Usage> {
  const mounts = await model.mountIndex.confirmed(volume.id);
  if (volume.content.backend !== 'image') return { kind: mounts.length > 0 ? 'directory' : 'unused' };
  const device = await model.devices.find(contentPathOf(model, volume));
  if (!device) return { kind: 'unused' };
  for (const { path, use } of isBlock(volume.content) ? [] : mounts) {
    if (use.kind === 'inside') continue;
    const state = await model.mounts.inspect(path);
    if (await isVolumeAt(model, volume, path, state)) return { kind: 'mounted', volume, path };
  }
  return { kind: 'attached', device: device.path };
}

/** Brings what was written to a volume to its disk. */
export async function syncContent(model: Model, volume: Volume): Promise<void> {
  const usage = await usageOf(model, volume);
  if (usage.kind === 'mounted') await syncAt(model, volume, usage.path);
  if (usage.kind === 'directory') await syncAt(model, volume, contentPathOf(model, volume));
}

function syncAt(model: Model, volume: Volume, path: string): Promise<void> {
  return namingPool(volume, () => model.mounts.sync(path));
}

/** What a copy is like, as far as it matters to those who write to the original meanwhile. */
export interface CopyWay {
  /** Whether it shares the blocks of the original, and so is of one instant. */
  readonly isShared: boolean;
  readonly signal: AbortSignal;
}

/**
 * Runs `copy` so that what it copies is as good as it can be: everything written before is in it, and where the
 * backend can, it is of one instant, as a crash would leave it.
 * @throws VolumeError precondition: the volume is in use, and cannot be cut where it lies
 */
export async function withSteadyContent<T>(
  model: Model,
  volume: Volume,
  { isShared, signal }: CopyWay,
  copy: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  const usage = await usageOf(model, volume);
  switch (usage.kind) {
    case 'unused':
      return copy(signal);
    case 'directory':
      // A snapshot of a subvolume has what is not on the disk yet, too.
      if (volume.content.backend !== 'subvolume') await syncAt(model, volume, contentPathOf(model, volume));
      return copy(signal);
    case 'mounted':
      if (!isShared) return withFrozen(model, [usage], (limit) => copy(AbortSignal.any([signal, limit])));
      await syncAt(model, volume, usage.path);
      return copy(signal);
    case 'attached':
      if (isShared) return copy(signal);
      throw new VolumeError(
        'precondition',
        `volume ${quote(volume.id)} is in use (${usage.device}), and a copy of it cannot be of one instant, because it would share no blocks with pool ${quote(volume.pool)}; unstage it first`,
      );
  }
}
