import { invalidField, VolumeError } from '../../model/errors.ts';
import type { InlineSpec } from '../../model/mounting/publish-inline.ts';
import type { Model } from '../../model/state/model.ts';
import type { NodePublishVolumeRequest__Output as Request } from '../../rpc/generated/csi/v1/NodePublishVolumeRequest.ts';
import type { Lock } from '../../rpc/key-locks.ts';
import { parseQuantityBytes } from '../../units/quantity.ts';
import { volumeLock, volumeShared } from '../lock-keys.ts';
import { parseParameters } from '../parameters.ts';
import { parseCapability, required } from '../requests.ts';
import { STRING_LIMIT_BYTES } from '../string-limit.ts';

/** The key by which the kubelet marks a volume as inline: defined in a pod, without a claim. */
const EPHEMERAL_KEY = 'csi.storage.k8s.io/ephemeral';

/** Whether a publish call is for an inline volume, without CreateVolume or NodeStageVolume before it. */
export function isInline({ features }: Model, { volume_context }: Pick<Request, 'volume_context'>): boolean {
  const said = volume_context[EPHEMERAL_KEY];
  // A kubelet that sets the key is right either way; an old one does not set it.
  return said === 'true' || (said === undefined && features.inlineByDefault);
}

/** The publish call creates an inline volume, so no other call may work on it. */
export function publishLock(model: Model, request: Request): Lock {
  return isInline(model, request) ? volumeLock(request.volume_id) : volumeShared(request.volume_id);
}

/**
 * The unpublish call deletes an inline volume. An unknown volume may be inline: its publish may be in progress, or its
 * pool may return during this call.
 */
export function unpublishLock(model: Model, { volume_id }: { volume_id: string }): Lock {
  const known = model.volumes.findIntact(volume_id);
  return known && !known.inline ? volumeShared(volume_id) : volumeLock(volume_id);
}

/**
 * The inline volume that a publish call requests.
 * @throws VolumeError invalid, naming the field
 */
export function parseInline(model: Model, request: Request): InlineSpec {
  const volumeId = parseId(request.volume_id);
  const targetPath = model.paths.resolve('target_path', request.target_path);
  const message = required('volume_capability', request.volume_capability);
  const capability = parseCapability('volume_capability', message);
  if (capability.accessType === 'block') {
    const why = 'volume_capability.access_type: an inline volume is mounted, and never a block device';
    throw new VolumeError('invalid', why);
  }
  const { size } = request.volume_context;
  const { pool, wish, root } = parseParameters(request.volume_context, 'volume_context', ['size']);
  return {
    volumeId,
    targetPath,
    capability,
    readOnly: request.readonly,
    sizeBytes: size === undefined ? undefined : parseSize('volume_context.size', size),
    pool,
    wish,
    root,
  };
}

/** The CO chooses the id. It never becomes a path unchanged, but the volume's record must be able to reproduce it. */
function parseId(volumeId: string): string {
  if (Buffer.byteLength(volumeId) > STRING_LIMIT_BYTES) {
    throw invalidField('volume_id', volumeId, `is longer than ${STRING_LIMIT_BYTES} bytes`);
  }
  if (Buffer.from(volumeId).toString() !== volumeId) {
    throw invalidField('volume_id', volumeId, 'is not well-formed Unicode');
  }
  return volumeId;
}

function parseSize(field: string, text: string): bigint {
  const bytes = quantityBytes(text);
  if (bytes !== undefined && bytes > 0n) return bytes;
  throw invalidField(field, text, 'is not a size of one byte or more, such as 67108864, 64Mi or 1.5Gi');
}

function quantityBytes(text: string): bigint | undefined {
  try {
    return parseQuantityBytes(text);
  } catch {
    return undefined;
  }
}
