import { max } from '../../units/bigint.ts';
import { hasFileSystem } from '../content/content-defects.ts';
import type { FoundSource } from '../copying/find-source.ts';
import type { Volume, VolumeContent } from '../objects/volume.ts';
import type { Host, Parts } from '../parts.ts';
import { isFileSystem } from '../ports/devices-port.ts';
import type { SizeSteps } from '../requests/capacity.ts';
import { defaultFileSystemType } from '../requests/file-system-options.ts';
import type { ContentPlan } from './choose-content.ts';

/** The possible sizes of an empty volume of this kind. */
export function newSizes(host: Host, plan: ContentPlan): SizeSteps {
  const unitBytes = unitBytesOf(host, plan);
  if (plan.backend !== 'image' || plan.use.accessType === 'block') {
    return { minimumBytes: unitBytes, unitBytes };
  }
  return {
    minimumBytes: host.formatter.minimumBytes[plan.use.fsType ?? defaultFileSystemType],
    unitBytes,
  };
}

/**
 * The possible sizes of a copy.
 * @param bytes requested; if the copy is larger than its source, its file system must be able to grow
 */
export async function copiedSizes(
  host: Host,
  plan: ContentPlan,
  source: FoundSource,
  bytes: bigint,
): Promise<SizeSteps> {
  const { minimumBytes, unitBytes } = newSizes(host, plan);
  const isMounted = plan.backend === 'image' && plan.use.accessType === 'mount';
  const grownBytes =
    isMounted && bytes > source.sizeBytes ? await minimumGrownBytes(host, source.original.path) : 0n;
  return { minimumBytes: max(minimumBytes, grownBytes), unitBytes };
}

/** The sizes to which a volume can grow. */
export async function grownSizes(parts: Parts<'catalogue' | 'host'>, volume: Volume): Promise<SizeSteps> {
  const unitBytes = unitBytesOf(parts.host, volume.content);
  if (!hasFileSystem(volume.content)) return { minimumBytes: unitBytes, unitBytes };
  return {
    minimumBytes: await minimumGrownBytes(parts.host, parts.catalogue.dataOf(volume).path),
    unitBytes,
  };
}

/** The size of content is a multiple of this: a device has whole sectors. */
export function unitBytesOf({ devices }: Host, { backend }: Pick<VolumeContent, 'backend'>): bigint {
  return backend === 'image' ? devices.sectorBytes : 1n;
}

async function minimumGrownBytes({ formatter }: Host, image: string): Promise<bigint> {
  const found = await formatter.inspect(image);
  return isFileSystem(found) ? formatter.minimumGrownBytes[found] : 0n;
}
