import type { CreateVolumeRequest__Output } from '../../rpc/generated/csi/v1/CreateVolumeRequest.ts';
import type { CreateVolumeResponse } from '../../rpc/generated/csi/v1/CreateVolumeResponse.ts';
import { contradiction, fsTypeOf } from '../../volume/capability.ts';
import { createVolume, type VolumeSpec } from '../../volume/create-volume.ts';
import { missingField, VolumeError } from '../../volume/errors.ts';
import type { Model } from '../../volume/model.ts';
import { parseParameters } from '../parameters.ts';
import { volumeMessage } from '../replies.ts';
import { parseCapabilities, parseCapacityRange, parseName, parsePlaces, required } from '../requests.ts';

/** Controller.CreateVolume. */
export function createVolumeHandler(model: Model) {
  return async (request: CreateVolumeRequest__Output): Promise<CreateVolumeResponse> => {
    const volume = await createVolume(model, parse(request));
    return { volume: volumeMessage(model, volume) };
  };
}

function parse(request: CreateVolumeRequest__Output): VolumeSpec {
  required('name', request.name);
  if (request.volume_capabilities.length === 0) throw missingField('volume_capabilities');
  const name = parseName('name', request.name);
  const capabilities = parseCapabilities('volume_capabilities', request.volume_capabilities);
  const problem = contradiction(capabilities);
  if (problem !== undefined) throw new VolumeError('invalid', `volume_capabilities: ${problem}`);
  if (request.volume_content_source) {
    throw new VolumeError(
      'invalid',
      'volume_content_source: volumes cannot be made from snapshots or volumes yet',
    );
  }
  if (Object.keys(request.mutable_parameters).length > 0) {
    throw new VolumeError('invalid', 'mutable_parameters: the driver does not declare MODIFY_VOLUME');
  }
  const { pool, root, wish } = parseParameters(request.parameters);
  const isBlock = capabilities.some((capability) => capability.accessType === 'block');
  const fsType = capabilities.map(fsTypeOf).find((each) => each !== undefined);
  const range = parseCapacityRange(request.capacity_range);
  const requisite = parsePlaces(request.accessibility_requirements?.requisite);
  return { name, capabilities, pool, wish: { ...wish, isBlock, fsType }, root, range, requisite };
}
