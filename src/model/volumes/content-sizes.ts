import { hasFileSystem } from '../content/content-defects.ts';
import type { FoundSource } from '../copying/find-source.ts';
import { contentPathOf } from '../find/staged-content.ts';
import type { Volume, VolumeContent } from '../objects/volume.ts';
import type { SizeSteps } from '../requests/capacity.ts';
import { defaultFileSystemType } from '../requests/file-system-type.ts';
import type { Model } from '../state/model.ts';
import type { ContentPlan } from './choose-content.ts';

/** The possible sizes of an empty volume of this kind. */
export function newSizes(model: Model, plan: ContentPlan): SizeSteps {
  const unitBytes = unitBytesOf(model, plan);
  if (plan.backend !== 'image' || plan.use.accessType === 'block') {
    return { minimumBytes: unitBytes, unitBytes };
  }
  return { minimumBytes: model.formatter.minimumBytes[plan.use.fsType ?? defaultFileSystemType], unitBytes };
}

/**
 * The possible sizes of a copy.
 * @param bytes requested; if the copy is larger than its source, its file system must be able to grow
 */
export async function copiedSizes(
  model: Model,
  plan: ContentPlan,
  source: FoundSource,
  bytes: bigint,
): Promise<SizeSteps> {
  const { minimumBytes, unitBytes } = newSizes(model, plan);
  const isMounted = plan.backend === 'image' && plan.use.accessType === 'mount';
  const grownBytes =
    isMounted && bytes > source.sizeBytes ? await leastGrownBytes(model, source.original.path) : 0n;
  return { minimumBytes: most(minimumBytes, grownBytes), unitBytes };
}

/** The sizes to which a volume can grow. */
export async function grownSizes(model: Model, volume: Volume): Promise<SizeSteps> {
  const unitBytes = unitBytesOf(model, volume.content);
  if (!hasFileSystem(volume.content)) return { minimumBytes: unitBytes, unitBytes };
  return { minimumBytes: await leastGrownBytes(model, contentPathOf(model, volume)), unitBytes };
}

/** The size of content is a multiple of this: a device has whole sectors. */
export function unitBytesOf({ devices }: Model, { backend }: Pick<VolumeContent, 'backend'>): bigint {
  return backend === 'image' ? devices.sectorBytes : 1n;
}

async function leastGrownBytes({ formatter }: Model, image: string): Promise<bigint> {
  const found = await formatter.inspect(image);
  return found === 'blank' || found === 'unknown' ? 0n : formatter.leastGrownBytes[found];
}

function most(one: bigint, other: bigint): bigint {
  return one > other ? one : other;
}
