import { constants } from 'node:fs';
import { syncDescriptor, withDescriptor, writeAt } from '../../kernel/calls/descriptor.ts';
import { zeroRange } from '../../kernel/files/sparse-file.ts';
import { VolumeError } from '../../model/errors.ts';

/** A part of an image that changes. */
export type ImageChange =
  | { readonly kind: 'data'; readonly start: bigint; readonly bytes: Buffer }
  | { readonly kind: 'zeros'; readonly start: bigint; readonly end: bigint };

/**
 * Writes changes to an image, in ascending order, and syncs it.
 * @throws VolumeError invalid: a change outside the image; the error of the changes
 */
export async function writeImage(
  path: string,
  sizeBytes: bigint,
  changes: AsyncIterable<ImageChange>,
): Promise<void> {
  await withDescriptor(path, constants.O_WRONLY | constants.O_NOFOLLOW, async (fd) => {
    let position = 0n;
    for await (const change of changes) {
      const end = change.kind === 'data' ? change.start + BigInt(change.bytes.length) : change.end;
      if (change.start < position || end < change.start || end > sizeBytes) {
        const message = `the stream has bytes ${change.start} to ${end}, out of order or outside an image of ${sizeBytes} bytes`;
        throw new VolumeError('invalid', message);
      }
      if (change.kind === 'data') await writeAt(fd, Number(change.start), change.bytes);
      else await zeroRange(fd, change);
      position = end;
    }
    await syncDescriptor(fd);
  });
}
