import { missingField } from '../../model/errors.ts';
import type { ContentSource } from '../../model/objects/volume.ts';
import { fsTypeOf } from '../../model/requests/capability.ts';
import type { Model } from '../../model/state/model.ts';
import { createVolume, type VolumeSpec } from '../../model/volumes/create-volume.ts';
import type { CreateVolumeRequest__Output as Request } from '../../rpc/generated/csi/v1/CreateVolumeRequest.ts';
import type { CreateVolumeResponse as Response } from '../../rpc/generated/csi/v1/CreateVolumeResponse.ts';
import type { Lock } from '../../rpc/key-locks.ts';
import { nameLock, snapshotShared, volumeShared } from '../lock-keys.ts';
import { parseMutableParameters } from '../mutable-parameters.ts';
import { parseParameters } from '../parameters.ts';
import { volumeMessage } from '../replies.ts';
import { parseCapabilities, parseCapacityRange, parseName, parsePlaces, required } from '../requests.ts';

/** Controller.CreateVolume. */
export function createVolumeMethod(model: Model) {
  return {
    locks: (request: Request) => [nameLock(request.name), ...sourceLocks(request)],
    // An empty volume is finished before the CO retries.
    joins: (request: Request) => request.volume_content_source !== null,
    async handle(request: Request): Promise<Response> {
      const volume = await createVolume(model, parse(model, request));
      return { volume: volumeMessage(model, volume) };
    },
  };
}

/** The source must not change while it is being copied. */
function sourceLocks({ volume_content_source: source }: Request): Lock[] {
  if (source?.snapshot) return [snapshotShared(source.snapshot.snapshot_id)];
  if (source?.volume) return [volumeShared(source.volume.volume_id)];
  return [];
}

function parseSource(source: Request['volume_content_source']): ContentSource | undefined {
  if (!source) return undefined;
  switch (source.type) {
    case 'snapshot': {
      const id = required('volume_content_source.snapshot.snapshot_id', source.snapshot?.snapshot_id ?? null);
      return { kind: 'snapshot', id };
    }
    case 'volume': {
      const id = required('volume_content_source.volume.volume_id', source.volume?.volume_id ?? null);
      return { kind: 'volume', id };
    }
    default:
      throw missingField('volume_content_source.type (snapshot or volume)');
  }
}

function parse({ features }: Model, request: Request): VolumeSpec {
  required('name', request.name);
  if (request.volume_capabilities.length === 0) throw missingField('volume_capabilities');
  const name = parseName('name', request.name);
  const capabilities = parseCapabilities('volume_capabilities', request.volume_capabilities);
  const mutable = parseMutableParameters(features, request.mutable_parameters);
  const { pool, root, wish, allowsModeChange } = parseParameters(request.parameters);
  const isBlock = capabilities.some((capability) => capability.accessType === 'block');
  const fsType = capabilities.map(fsTypeOf).find((each) => each !== undefined);
  const range = parseCapacityRange(request.capacity_range);
  const requisite = parsePlaces(request.accessibility_requirements?.requisite);
  const source = parseSource(request.volume_content_source);
  return {
    name,
    capabilities,
    pool,
    wish: { ...wish, isBlock, fsType },
    allowsModeChange,
    root,
    mutable,
    source,
    range,
    requisite,
  };
}
