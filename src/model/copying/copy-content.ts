import { checkVolumeWhole } from '../content/content-defects.ts';
import type { BackendKind } from '../objects/volume.ts';
import type { Pool } from '../ports/pool.ts';
import type { CopyControl } from '../ports/ports.ts';
import type { Model } from '../state/model.ts';
import type { FoundSource } from './find-source.ts';
import { withSpace } from './shared-space.ts';
import { withSteadyContent } from './steady-content.ts';

/** A copy of content, and what it becomes. */
export interface ContentCopy {
  /** The id of what is made. */
  readonly id: string;
  readonly source: FoundSource;
  readonly pool: Pool;
  readonly backend: BackendKind;
  /** The size that what is made is held to, and that is reserved for it already; undefined where nothing holds it. */
  readonly reservedBytes: bigint | undefined;
}

/** Whether a copy takes the same time however much there is to copy. */
export function isInstant(copy: Pick<ContentCopy, 'source' | 'pool' | 'backend'>): boolean {
  if (!sharesBlocks(copy)) return false;
  return (
    copy.backend === 'image' || (copy.backend === 'subvolume' && copy.source.original.backend === 'subvolume')
  );
}

/**
 * Whether a copy shares the blocks of its original for sure, and so is of one instant. From one mount to another of the
 * same disk only newer kernels share.
 */
function sharesBlocks({ source, pool }: Pick<ContentCopy, 'source' | 'pool'>): boolean {
  return pool === source.pool && pool.abilities.sharesBlocks;
}

/**
 * Copies content, of a volume that may be in use or of a snapshot. A long copy is a job: it goes on when the call that
 * ordered it has gone away. Nothing is written before there is room for it. What it makes shared is kept room for until
 * `model.sharing.end` is called for what is made.
 * @param write makes the copy
 */
export async function copyContent<T>(
  model: Model,
  copy: ContentCopy,
  write: (control: CopyControl) => Promise<T>,
): Promise<T> {
  const { id, source } = copy;
  const order = { id, from: source.id, isLong: !isInstant(copy) };
  return model.copies.run(order, async (control) => {
    const { volume } = source;
    const signal = AbortSignal.any([control.signal, copy.pool.lost, source.pool.lost]);
    const copyNow = async () => {
      if (!volume) return write({ ...control, signal });
      const way = { isShared: sharesBlocks(copy), signal };
      return withSteadyContent(model, volume, way, (limited) => write({ ...control, signal: limited }));
    };
    const made = await withSpace(model, [copy], signal, copyNow);
    // What it has met while it was copied is in the copy.
    if (volume) await checkVolumeWhole(model, volume);
    return made;
  });
}
