import { checkVolumeWhole } from '../content/content-defects.ts';
import type { BackendKind } from '../objects/volume.ts';
import type { Parts } from '../parts.ts';
import type { Pool } from '../ports/pool.ts';
import type { CopyControl } from '../ports/ports.ts';
import { withConsistentContent } from './consistent-content.ts';
import type { FoundSource } from './find-source.ts';
import { withSpace } from './shared-space.ts';

/** A copy of content, and its destination. */
export interface ContentCopy {
  /** The id of the new object. */
  readonly id: string;
  readonly source: FoundSource;
  readonly pool: Pool;
  readonly backend: BackendKind;
  /** The enforced size of the new object, which is reserved for it already; undefined if no size is enforced. */
  readonly reservedBytes: bigint | undefined;
}

/** Whether the time for a copy is independent of the size of the content. */
export function isInstant(copy: Pick<ContentCopy, 'source' | 'pool' | 'backend'>): boolean {
  if (!sharesBlocks(copy)) return false;
  return (
    copy.backend === 'image' || (copy.backend === 'subvolume' && copy.source.original.backend === 'subvolume')
  );
}

/**
 * Whether a copy certainly shares the blocks of its original, and so is of one point in time. Only newer kernels
 * share blocks between two mounts of the same disk.
 */
function sharesBlocks({ source, pool }: Pick<ContentCopy, 'source' | 'pool'>): boolean {
  return pool === source.pool && pool.abilities.sharesBlocks;
}

/**
 * Copies the content of a volume that may be in use, or of a snapshot. A long copy is a job: it goes on if the call
 * that started it ends. Nothing is written before there is room for it. Room for newly shared blocks stays reserved
 * until `model.sharing.end` is called for the new object.
 * @param write writes the copy
 */
export async function copyContent<T>(
  parts: Parts<'catalogue' | 'host' | 'copying' | 'holds' | 'settings' | 'onStep'>,
  copy: ContentCopy,
  write: (control: CopyControl) => Promise<T>,
): Promise<T> {
  const { id, source } = copy;
  const request = { id, from: source.id, pool: copy.pool.name, isLong: !isInstant(copy) };
  return parts.copying.copies.run(request, async (control) => {
    const { volume } = source;
    const signal = AbortSignal.any([control.signal, copy.pool.lost, source.pool.lost]);
    const copyNow = async () => {
      if (!volume) return write({ ...control, signal });
      const mode = { isShared: sharesBlocks(copy), signal };
      return withConsistentContent(parts, volume, mode, (limited) => write({ ...control, signal: limited }));
    };
    const made = await withSpace(parts, [copy], signal, copyNow);
    // Damage that occurred during the copy is in the copy too.
    if (volume) await checkVolumeWhole(parts, volume);
    return made;
  });
}
