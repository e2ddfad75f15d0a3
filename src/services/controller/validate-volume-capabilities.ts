import { missingField, VolumeError } from '../../model/errors.ts';
import { existingVolume } from '../../model/find/find-volume.ts';
import { isBlock, type Volume } from '../../model/objects/volume.ts';
import type { VolumeCapability } from '../../model/requests/capability.ts';
import type { Model } from '../../model/state/model.ts';
import { objectionTo } from '../../model/volumes/check-suitable.ts';
import { mutableDifference } from '../../model/volumes/modify-volume.ts';
import { contradiction, modeObjection } from '../../model/volumes/objections.ts';
import { contentDifference, placeDifference } from '../../model/volumes/volume-difference.ts';
import type { ValidateVolumeCapabilitiesRequest__Output as Request } from '../../rpc/generated/csi/v1/ValidateVolumeCapabilitiesRequest.ts';
import type { ValidateVolumeCapabilitiesResponse as Response } from '../../rpc/generated/csi/v1/ValidateVolumeCapabilitiesResponse.ts';
import { shortened } from '../../text/shortened.ts';
import { parseMutableParameters } from '../mutable-parameters.ts';
import { parseParameters } from '../parameters.ts';
import { fixedContext } from '../replies.ts';
import { parseCapabilities, required, requireForms } from '../requests.ts';
import { STRING_LIMIT_BYTES } from '../string-limit.ts';

/**
 * Controller.ValidateVolumeCapabilities. Unsupported or unknown capabilities are not confirmed, and `message` says why;
 * this is an answer, not an error.
 */
export function validateVolumeCapabilitiesHandler(model: Model) {
  return async (request: Request): Promise<Response> => {
    const volumeId = required('volume_id', request.volume_id);
    if (request.volume_capabilities.length === 0) throw missingField('volume_capabilities');
    const volume = await existingVolume(model, volumeId);
    requireForms('volume_capabilities', request.volume_capabilities);
    const message = await objection(model, volume, request);
    if (message !== undefined) return { message: shortened(message, STRING_LIMIT_BYTES) };
    const { volume_context, volume_capabilities, parameters, mutable_parameters } = request;
    return { confirmed: { volume_context, volume_capabilities, parameters, mutable_parameters } };
  };
}

async function objection(model: Model, volume: Volume, request: Request): Promise<string | undefined> {
  try {
    const capabilities = parseCapabilities('volume_capabilities', request.volume_capabilities);
    return (
      (await capabilitiesObjection(model, volume, capabilities)) ??
      parametersObjection(model, volume, request) ??
      contextObjection(volume, request)
    );
  } catch (error) {
    if (error instanceof VolumeError && error.kind === 'invalid') return error.message;
    throw error;
  }
}

async function capabilitiesObjection(
  model: Model,
  volume: Volume,
  capabilities: readonly VolumeCapability[],
): Promise<string | undefined> {
  const together = contradiction(capabilities) ?? modeObjection(volume.accessModes, capabilities);
  if (together) return `volume_capabilities: ${together.message}`;
  for (const [index, capability] of capabilities.entries()) {
    const alone = await objectionTo(model, volume, capability);
    if (alone) return `volume_capabilities[${index}]: ${alone.message}`;
  }
  return undefined;
}

function parametersObjection(
  model: Model,
  volume: Volume,
  { parameters, mutable_parameters }: Request,
): string | undefined {
  const changed = mutableDifference(volume, parseMutableParameters(model.features, mutable_parameters));
  if (changed !== undefined) return `mutable_parameters: the volume has ${changed}`;
  const { pool, root, wish } = parseParameters(parameters);
  const difference =
    placeDifference(model, volume, pool) ??
    contentDifference(volume.content, { ...wish, isBlock: isBlock(volume.content), fsType: undefined });
  if (difference !== undefined) return `parameters: the volume has ${difference}`;
  const told = (['uid', 'gid', 'mode'] as const).filter((key) => Object.hasOwn(parameters, key));
  const different = told.find((key) => root[key] !== volume.root[key]);
  return different && `parameters.${different}: the volume was made with another value`;
}

/** A CO sends the context that CreateVolume returned, and mutable parameters may have changed since then. */
function contextObjection(volume: Volume, { volume_context }: Request): string | undefined {
  const ours = fixedContext(volume);
  const different = Object.entries(volume_context).find(
    ([key, value]) => Object.hasOwn(ours, key) && ours[key] !== value,
  );
  return different && `volume_context.${different[0]}: the volume has ${JSON.stringify(ours[different[0]])}`;
}
