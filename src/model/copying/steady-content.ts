import { inFileSystem } from '../content/in-file-system.ts';
import { quote, VolumeError } from '../errors.ts';
import { contentPathOf } from '../find/staged-content.ts';
import { isBlock, type Volume } from '../objects/volume.ts';

import type { HeldFileSystem } from '../ports/mounts-port.ts';
import { namingPool } from '../ports/naming-pool.ts';
import type { Model } from '../state/model.ts';
import { withFrozen } from './freeze-volumes.ts';

/** How a volume is used at the moment, as far as that matters to a copy of it. */
export type Usage =
  /** Nobody writes to it. */
  | { readonly kind: 'unused' }
  /** A directory that is mounted. */
  | { readonly kind: 'directory' }
  /** An image whose file system is mounted, and held. */
  | { readonly kind: 'mounted'; readonly fileSystem: HeldFileSystem }
  /** An image that is attached: a block volume, or one that is mounted where nobody here can see it. */
  | { readonly kind: 'attached'; readonly device: string };

/**
 * Lends how a volume is used. A mounted file system is held meanwhile, so that it can be worked on when the mount it was
 * found at is taken down. The caller keeps others from staging the volume.
 * @throws VolumeError aborted: it is being unmounted just now
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
  // The device goes a moment after the last mount, when all is written back.
  if ((await model.mountIndex.confirmed(volume.id)).length < known.length) {
    throw new VolumeError('aborted', `volume ${quote(volume.id)} is being unmounted; call again`);
  }
  return { kind: 'attached', device: device.path };
}

/** Brings what was written to a volume to its disk. */
export function syncContent(model: Model, volume: Volume): Promise<void> {
  return withUsage(model, volume, async (usage) => {
    if (usage.kind === 'mounted') await inFileSystem(volume, usage.fileSystem.sync());
    if (usage.kind === 'directory')
      await namingPool(volume, () => model.mounts.sync(contentPathOf(model, volume)));
  });
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
  return withUsage(model, volume, async (usage) => {
    switch (usage.kind) {
      case 'unused':
        return copy(signal);
      case 'directory':
        // A snapshot of a subvolume has what is not on the disk yet, too.
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
