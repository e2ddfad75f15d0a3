import { invalidField, VolumeError } from '../../model/errors.ts';
import type { InlineSpec } from '../../model/mounting/publish-inline.ts';
import type { Settings } from '../../model/settings.ts';
import type { Catalogue } from '../../model/state/catalogue.ts';
import { exclusive, type Held, type HoldRequest, shared } from '../../model/state/holds.ts';
import type { NodePublishVolumeRequest__Output as Request } from '../../rpc/generated/csi/v1/NodePublishVolumeRequest.ts';
import { parseQuantityBytes } from '../../units/quantity.ts';
import { parseParameters } from '../parameters.ts';
import { parseCapability, required, STRING_LIMIT_BYTES } from '../requests.ts';

/** The key by which the kubelet marks a volume as inline: defined in a pod, without a claim. */
const EPHEMERAL_KEY = 'csi.storage.k8s.io/ephemeral';

/** Whether a publish call is for an inline volume, without CreateVolume or NodeStageVolume before it. */
export function isInline(
  { features }: Settings,
  { volume_context }: Pick<Request, 'volume_context'>,
): boolean {
  const ephemeral = volume_context[EPHEMERAL_KEY];
  // A kubelet that sets the key is right either way; an old one does not set it.
  return ephemeral === 'true' || (ephemeral === undefined && features.inlineByDefault);
}

/** The publish call creates an inline volume, so no other call may work on it. */
export function publishHold(settings: Settings, request: Request): HoldRequest {
  const { volume_id } = request;
  return isInline(settings, request) ? exclusive('volume', volume_id) : shared('volume', volume_id);
}

/**
 * The unpublish call deletes an inline volume. An unknown volume may be inline: its publish may be in progress, or its
 * pool may return during this call.
 */
export function unpublishHold(catalogue: Catalogue, { volume_id }: { volume_id: string }): HoldRequest {
  const known = catalogue.volumes.findIntact(volume_id);
  return known && !known.inline ? shared('volume', volume_id) : exclusive('volume', volume_id);
}

/**
 * The inline volume that a publish call requests.
 * @throws VolumeError invalid, naming the field
 */
export function parseInline(settings: Settings, request: Request, held: Held): InlineSpec {
  const volumeId = parseId(request.volume_id);
  const targetPath = settings.mountPaths.resolve('target_path', request.target_path);
  const message = required('volume_capability', request.volume_capability);
  const capability = parseCapability('volume_capability', message);
  if (capability.accessType === 'block') {
    const why = 'volume_capability.access_type: an inline volume cannot be a block volume';
    throw new VolumeError('invalid', why);
  }
  const { size } = request.volume_context;
  const { pools, contentRequest, root } = parseParameters(request.volume_context, 'volume_context', ['size']);
  return {
    volume: held.exclusive('volume', volumeId),
    target: held.exclusive('path', targetPath),
    capability,
    readOnly: request.readonly,
    sizeBytes: size === undefined ? undefined : parseSize('volume_context.size', size),
    pools,
    contentRequest,
    root,
  };
}

/** The CO chooses the id. It never becomes a path unchanged, but the volume's record must be able to reproduce it. */
function parseId(volumeId: string): string {
  if (Buffer.byteLength(volumeId) > STRING_LIMIT_BYTES) {
    throw invalidField('volume_id', volumeId, `is longer than ${STRING_LIMIT_BYTES} bytes`);
  }
  if (Buffer.from(volumeId).toString() !== volumeId) {
    throw invalidField('volume_id', volumeId, 'must be well-formed Unicode');
  }
  return volumeId;
}

function parseSize(field: string, text: string): bigint {
  const bytes = quantityBytes(text);
  if (bytes !== undefined && bytes > 0n) return bytes;
  throw invalidField(field, text, 'must be a size of at least one byte, such as 67108864, 64Mi or 1.5Gi');
}

function quantityBytes(text: string): bigint | undefined {
  try {
    return parseQuantityBytes(text);
  } catch {
    return undefined;
  }
}
