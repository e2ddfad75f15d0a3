import { missingField, VolumeError } from '../../model/errors.ts';
import { existingVolume } from '../../model/find/find-object.ts';
import { isBlock, type Volume } from '../../model/objects/volume.ts';
import { fixedContext } from '../../model/objects/volume-context.ts';
import type { Parts } from '../../model/parts.ts';
import type { VolumeCapability } from '../../model/requests/capability.ts';
import { accessModeProblem, capabilityConflict } from '../../model/volumes/capability-problems.ts';
import { capabilityProblemOf } from '../../model/volumes/check-supported.ts';
import { mutableDifference } from '../../model/volumes/modify-volume.ts';
import { contentDifference, placementDifference } from '../../model/volumes/volume-difference.ts';
import type { ValidateVolumeCapabilitiesRequest__Output as Request } from '../../rpc/generated/csi/v1/ValidateVolumeCapabilitiesRequest.ts';
import { truncateText } from '../../text/truncate-text.ts';
import { parseMutableParameters } from '../mutable-parameters.ts';
import { parseParameters } from '../parameters.ts';
import { checkShapes, parseCapabilities, required, STRING_LIMIT_BYTES } from '../requests.ts';
import type { ControllerMethod } from './controller.ts';

/**
 * Controller.ValidateVolumeCapabilities. Unsupported or unknown capabilities are not confirmed, and `message` says why;
 * this is an answer, not an error.
 */
export function validateVolumeCapabilitiesMethod(
  parts: Parts<'catalogue' | 'host' | 'settings'>,
): ControllerMethod<'ValidateVolumeCapabilities'> {
  return {
    async handle(request) {
      const volumeId = required('volume_id', request.volume_id);
      if (request.volume_capabilities.length === 0) throw missingField('volume_capabilities');
      const volume = await existingVolume(parts.catalogue, volumeId);
      checkShapes('volume_capabilities', request.volume_capabilities);
      const message = await problemMessage(parts, volume, request);
      if (message !== undefined) return { message: truncateText(message, STRING_LIMIT_BYTES) };
      const { volume_context, volume_capabilities, parameters, mutable_parameters } = request;
      return { confirmed: { volume_context, volume_capabilities, parameters, mutable_parameters } };
    },
  };
}

async function problemMessage(
  parts: Parts<'catalogue' | 'host' | 'settings'>,
  volume: Volume,
  request: Request,
): Promise<string | undefined> {
  try {
    const capabilities = parseCapabilities('volume_capabilities', request.volume_capabilities);
    return (
      (await capabilitiesProblem(parts, volume, capabilities)) ??
      parametersProblem(parts, volume, request) ??
      contextProblem(volume, request)
    );
  } catch (error) {
    if (error instanceof VolumeError && error.kind === 'invalid') return error.message;
    throw error;
  }
}

async function capabilitiesProblem(
  parts: Parts<'catalogue' | 'host'>,
  volume: Volume,
  capabilities: readonly VolumeCapability[],
): Promise<string | undefined> {
  const together = capabilityConflict(capabilities) ?? accessModeProblem(volume.accessModes, capabilities);
  if (together) return `volume_capabilities: ${together.message}`;
  for (const [index, capability] of capabilities.entries()) {
    const alone = await capabilityProblemOf(parts, volume, capability);
    if (alone) return `volume_capabilities[${index}]: ${alone.message}`;
  }
  return undefined;
}

function parametersProblem(
  parts: Parts<'catalogue' | 'settings'>,
  volume: Volume,
  { parameters, mutable_parameters }: Request,
): string | undefined {
  const changed = mutableDifference(
    volume,
    parseMutableParameters(parts.settings.features, mutable_parameters),
  );
  if (changed !== undefined) return `mutable_parameters: the volume has ${changed}`;
  const { pools, root, contentRequest, nameTemplate } = parseParameters(parameters);
  const difference =
    placementDifference(parts.catalogue, volume, pools) ??
    contentDifference(volume.content, {
      ...contentRequest,
      isBlock: isBlock(volume.content),
      fsType: undefined,
    });
  if (difference !== undefined) return `parameters: the volume has ${difference}`;
  const givenKeys = (['uid', 'gid', 'mode'] as const).filter((key) => Object.hasOwn(parameters, key));
  const different = givenKeys.find((key) => root[key] !== volume.root[key]);
  if (nameTemplate !== undefined && nameTemplate !== volume.nameTemplate) {
    return 'parameters.nameTemplate: the volume was created with another value';
  }
  return different && `parameters.${different}: the volume was created with another value`;
}

/** A CO sends the context that CreateVolume returned, and mutable parameters may have changed since then. */
function contextProblem(volume: Volume, { volume_context }: Request): string | undefined {
  const fixed = fixedContext(volume);
  const different = Object.entries(volume_context).find(
    ([key, value]) => Object.hasOwn(fixed, key) && fixed[key] !== value,
  );
  return different && `volume_context.${different[0]}: the volume has ${JSON.stringify(fixed[different[0]])}`;
}
