import { withFileSystemErrors } from '../content/content-defects.ts';
import { withContentStates } from '../copying/consistent-content.ts';
import { encryptionOf } from '../objects/encryption.ts';
import { isThick, type Volume } from '../objects/volume.ts';
import type { Parts } from '../parts.ts';

/** How the trim of a volume ended. */
export type TrimOutcome =
  | { readonly kind: 'trimmed'; readonly bytes: bigint }
  /** It has no file system of its own that is mounted. */
  | { readonly kind: 'not mounted' }
  /** All its space is to stay allocated. */
  | { readonly kind: 'thick' }
  /** It is encrypted, and must not show where it has data. */
  | { readonly kind: 'discards denied' }
  /** The disk of its pool cannot free parts of a file. */
  | { readonly kind: 'unsupported' };

/**
 * Returns the space of deleted data of a mounted image to its pool. A volume that is mounted with `discard`, as by default, has
 * returned it already.
 * @throws VolumeError for errors of its file system
 */
export async function trimVolume(parts: Parts<'catalogue' | 'host'>, volume: Volume): Promise<TrimOutcome> {
  if (isThick(volume.content)) return { kind: 'thick' };
  const encryption = encryptionOf(volume.content);
  if (encryption && !encryption.discards) return { kind: 'discards denied' };
  return withContentStates(parts, [volume], async ([state]) => {
    if (state?.kind !== 'mounted') return { kind: 'not mounted' };
    // ext4 frees the blocks of a deleted file with its journal.
    await withFileSystemErrors(volume, state.fileSystem.sync());
    const bytes = await withFileSystemErrors(volume, state.fileSystem.trim());
    return bytes === undefined ? { kind: 'unsupported' } : { kind: 'trimmed', bytes };
  });
}
