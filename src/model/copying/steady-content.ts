import { inFileSystem } from '../content/in-file-system.ts';
import { quote, VolumeError } from '../errors.ts';
import { contentPathOf } from '../find/staged-content.ts';
import { isBlock, type Volume } from '../objects/volume.ts';

import type { HeldFileSystem } from '../ports/mounts-port.ts';
import { namingPool } from '../ports/naming-pool.ts';
import type { Model } from '../state/model.ts';
import { withFrozen } from './freeze-volumes.ts';

/** The current use of a volume, as far as it matters to a copy. */
export type Usage =
  /** It has no writers. */
  | { readonly kind: 'unused' }
  /** A mounted directory. */
  | { readonly kind: 'directory' }
  /** An image whose file system is mounted, and held. */
  | { readonly kind: 'mounted'; readonly fileSystem: HeldFileSystem }
  /** An attached image: a block volume, or one whose mounts are not visible here. */
  | { readonly kind: 'attached'; readonly device: string };

/**
 * Runs `use` with the current use of a volume. A mounted file system is held during that time, so that it stays reachable
 * if the mount through which it was found is unmounted. The caller keeps other calls from staging the volume.
 * @throws VolumeError aborted: it is being unmounted
 */
export async function withUsage<T>(
  model: Model,
  volume: Volume,
  use: (usage: Usage) => Promise<T>,
): Promise<T> {
  const usage = await usageOf(model, volume);
  try {
    return await use(usage);
  } finally {
    if (usage.kind === 'mounted') await usage.fileSystem.release();
  }
}

/** The same for several volumes, in their order. */
export function withUsages<T>(
  model: Model,
  [volume, ...others]: readonly Volume[],
  use: (usages: readonly Usage[]) => Promise<T>,
): Promise<T> {
  if (!volume) return use([]);
  return withUsage(model, volume, (usage) => withUsages(model, others, (usages) => use([usage, ...usages])));
}

async function usageOf(model: Model, volume: Volume): Promise<Usage> {
  const known = model.mountIndex.of(volume.id);
  const mounts = await model.mountIndex.confirmed(volume.id);
  if (volume.content.backend !== 'image') return { kind: mounts.length > 0 ? 'directory' : 'unused' };
  const device = await model.devices.find(contentPathOf(model, volume));
  if (!device) return { kind: 'unused' };
  for (const { path, use } of isBlock(volume.content) ? [] : mounts) {
    if (use.kind === 'inside') continue;
    const fileSystem = await inFileSystem(volume, model.mounts.hold(path, device));
    if (fileSystem) return { kind: 'mounted', fileSystem };
  }
  // The device is detached a moment after the last unmount, when all data is written back.
  if ((await model.mountIndex.confirmed(volume.id)).length < known.length) {
    throw new VolumeError('aborted', `volume ${quote(volume.id)} is being unmounted; call again`);
  }
  return { kind: 'attached', device: device.path };
}

/** Flushes the writes to a volume to its disk. */
export function syncContent(model: Model, volume: Volume): Promise<void> {
  return withUsage(model, volume, async (usage) => {
    if (usage.kind === 'mounted') await inFileSystem(volume, usage.fileSystem.sync());
    if (usage.kind === 'directory')
      await namingPool(volume, () => model.mounts.sync(contentPathOf(model, volume)));
  });
}

/** The properties of a copy that matter to writers of the original. */
export interface CopyWay {
  /** Whether it shares the blocks of the original, and so is of one point in time. */
  readonly isShared: boolean;
  readonly signal: AbortSignal;
}

/**
 * Runs `copy` under the best possible conditions: it includes everything written before, and if the backend supports
 * it, it is of one point in time, as after a crash.
 * @throws VolumeError precondition: the volume is in use, and cannot be copied in its pool
 */
export async function withSteadyContent<T>(
  model: Model,
  volume: Volume,
  { isShared, signal }: CopyWay,
  copy: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  return withUsage(model, volume, async (usage) => {
    switch (usage.kind) {
      case 'unused':
        return copy(signal);
      case 'directory':
        // A snapshot of a subvolume includes data that is not on the disk yet.
        if (volume.content.backend !== 'subvolume')
          await namingPool(volume, () => model.mounts.sync(contentPathOf(model, volume)));
        return copy(signal);
      case 'mounted':
        if (!isShared) return withFrozen(model, [{ volume, fileSystem: usage.fileSystem }], signal, copy);
        await inFileSystem(volume, usage.fileSystem.sync());
        return copy(signal);
      case 'attached':
        if (isShared) return copy(signal);
        throw new VolumeError(
          'precondition',
          `volume ${quote(volume.id)} is in use (${usage.device}), and a copy of it cannot be of one instant, because it would share no blocks with pool ${quote(volume.pool)}; unstage it first`,
        );
    }
  });
}
