import { withFileSystemErrors } from '../content/content-defects.ts';
import { quote, VolumeError } from '../errors.ts';
import { isBlock, type Volume } from '../objects/volume.ts';
import type { Parts } from '../parts.ts';
import { withPoolInErrors } from '../ports/error-context.ts';
import type { HeldFileSystem } from '../ports/file-systems-port.ts';
import { withFrozen } from './freeze-volumes.ts';

/** The current use of a volume, as far as it matters to a copy. */
export type ContentState =
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
async function withContentState<T>(
  parts: Parts<'catalogue' | 'host'>,
  volume: Volume,
  use: (state: ContentState) => Promise<T>,
): Promise<T> {
  const state = await contentStateOf(parts, volume);
  try {
    return await use(state);
  } finally {
    if (state.kind === 'mounted') await state.fileSystem.release();
  }
}

/** The same for several volumes, in their order. */
export function withContentStates<T>(
  parts: Parts<'catalogue' | 'host'>,
  [volume, ...others]: readonly Volume[],
  use: (states: readonly ContentState[]) => Promise<T>,
): Promise<T> {
  if (!volume) return use([]);
  return withContentState(parts, volume, (state) =>
    withContentStates(parts, others, (states) => use([state, ...states])),
  );
}

async function contentStateOf(parts: Parts<'catalogue' | 'host'>, volume: Volume): Promise<ContentState> {
  const knownMounts = parts.host.mountIndex.mountsOf(volume.id);
  const mounts = await parts.host.mountIndex.verifiedMountsOf(volume.id);
  if (volume.content.backend !== 'image') return { kind: mounts.length > 0 ? 'directory' : 'unused' };
  const device = await parts.host.devices.find(parts.catalogue.dataOf(volume).path);
  if (!device) return { kind: 'unused' };
  for (const { path, use } of isBlock(volume.content) ? [] : mounts) {
    if (use.kind === 'inside') continue;
    const fileSystem = await withFileSystemErrors(volume, parts.host.fileSystems.hold(path, device));
    if (fileSystem) return { kind: 'mounted', fileSystem };
  }
  // The device is detached a moment after the last unmount, when all data is written back.
  if ((await parts.host.mountIndex.verifiedMountsOf(volume.id)).length < knownMounts.length) {
    throw new VolumeError('aborted', `volume ${quote(volume.id)} is being unmounted; retry later`);
  }
  return { kind: 'attached', device: device.path };
}

/** Flushes the writes to a volume to its disk. */
export function syncContent(parts: Parts<'catalogue' | 'host'>, volume: Volume): Promise<void> {
  return withContentState(parts, volume, async (state) => {
    if (state.kind === 'mounted') await withFileSystemErrors(volume, state.fileSystem.sync());
    if (state.kind === 'directory')
      await withPoolInErrors(volume, () => parts.host.fileSystems.sync(parts.catalogue.dataOf(volume).path));
  });
}

/** The properties of a copy that matter to writers of the original. */
export interface CopyMode {
  /** Whether it shares the blocks of the original, and so is of one point in time. */
  readonly isShared: boolean;
  readonly signal: AbortSignal;
}

/**
 * Runs `copy` under the best possible conditions: it includes everything written before, and if the backend supports
 * it, it is of one point in time, as after a crash.
 * @throws VolumeError precondition: the volume is in use, and cannot be copied in its pool
 */
export async function withConsistentContent<T>(
  parts: Parts<'catalogue' | 'host' | 'holds' | 'onStep'>,
  volume: Volume,
  { isShared, signal }: CopyMode,
  copy: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  return withContentState(parts, volume, async (state) => {
    switch (state.kind) {
      case 'unused':
        return copy(signal);
      case 'directory':
        // A snapshot of a subvolume includes data that is not on the disk yet.
        if (volume.content.backend !== 'subvolume')
          await withPoolInErrors(volume, () =>
            parts.host.fileSystems.sync(parts.catalogue.dataOf(volume).path),
          );
        return copy(signal);
      case 'mounted':
        if (!isShared) return withFrozen(parts, [{ volume, fileSystem: state.fileSystem }], signal, copy);
        await withFileSystemErrors(volume, state.fileSystem.sync());
        return copy(signal);
      case 'attached':
        if (isShared) return copy(signal);
        throw new VolumeError(
          'precondition',
          `volume ${quote(volume.id)} is in use (${state.device}) and cannot be copied consistently, because the copy would not share blocks with pool ${quote(volume.pool)}; unstage it first`,
        );
    }
  });
}
