import { posix } from 'node:path';
import type { Parts } from '../parts.ts';
import type { HeldVolume } from '../state/holds.ts';
import { checkNotMounted } from './delete-volume.ts';

/**
 * Makes the content of a volume again in the kind of its record, as a copy that shares blocks where the disk can: after a
 * restore by hand it may be of another kind, which nothing can limit. Does nothing if it is of the right kind.
 * @throws VolumeError precondition: the volume is in use
 */
export async function rebuildContent(
  parts: Parts<'catalogue' | 'host' | 'holds'>,
  volume: HeldVolume,
  signal: AbortSignal,
): Promise<void> {
  await parts.holds.changing.during(volume.id, async () => {
    await checkNotMounted(parts, volume);
    const pool = parts.catalogue.pools.of(volume);
    const data = parts.catalogue.dataOf(volume);
    const original = { ...(await data.original()), pool: pool.name };
    const { backend } = volume.content;
    if (original.backend === backend) return;
    const control = { signal, onBytes: () => {}, onWait: () => {} };
    await pool.records.volumes.replaceContent(volume.id, posix.basename(data.path), (directory) =>
      pool.backends[backend].provisionCopy(directory, volume, original, control),
    );
  });
}
