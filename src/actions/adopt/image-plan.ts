import { quote, VolumeError } from '../../model/errors.ts';
import type { Host } from '../../model/parts.ts';
import type { Pool } from '../../model/ports/pool.ts';
import type { ContentPlan } from '../../model/volumes/choose-content.ts';
import type { Source } from './find-source.ts';
import type { AdoptSpec } from './plan-adoption.ts';

/**
 * How a file becomes an image volume.
 * @throws VolumeError invalid: the pool has no images; precondition: the file system in it cannot be mounted, or there is none
 */
export async function imagePlan(
  { formatter }: Host,
  { name, abilities }: Pool,
  { path, isBlock }: AdoptSpec,
  { sizeBytes }: Source,
): Promise<ContentPlan> {
  if (!abilities.hasImages) {
    const message = `${quote(path)} is a file, and pool ${quote(name)} cannot provide images: no loop devices or no mkfs programs on this node`;
    throw new VolumeError('invalid', message);
  }
  if (sizeBytes === 0n) throw refusal(path, 'is an empty file');
  if (isBlock) return { backend: 'image', use: { accessType: 'block' } };
  const found = await formatter.inspect(path);
  if (found === 'unknown' || found === 'luks2')
    throw refusal(path, 'has no file system of ext4, xfs or btrfs; add --block to make a block volume of it');
  if (found === 'blank') return { backend: 'image', use: { accessType: 'mount', fsType: undefined } };
  const reason = await formatter.mountRefusalReason(path);
  if (reason !== undefined) throw refusal(path, `has a file system that is not mounted: ${reason}`);
  const fault = await formatter.faultOf(path);
  if (fault?.kind === 'cut off')
    throw refusal(
      path,
      `is truncated to ${fault.sizeBytes} of the ${fault.fileSystemBytes} bytes of its file system`,
    );
  if (fault) throw refusal(path, `has a ${fault.fsType} with errors (${fault.errors}); check it first`);
  return { backend: 'image', use: { accessType: 'mount', fsType: found } };
}

function refusal(path: string, why: string): VolumeError {
  return new VolumeError('precondition', `${quote(path)} ${why}`);
}
