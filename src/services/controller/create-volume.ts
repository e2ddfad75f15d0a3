import { missingField } from '../../model/errors.ts';
import type { Parts } from '../../model/parts.ts';
import { fsTypeOf } from '../../model/requests/capability.ts';
import type { Settings } from '../../model/settings.ts';
import { exclusive, type Held, type HoldRequest, shared } from '../../model/state/holds.ts';
import { createVolume, type VolumeSpec } from '../../model/volumes/create-volume.ts';
import type { CreateVolumeRequest__Output as Request } from '../../rpc/generated/csi/v1/CreateVolumeRequest.ts';
import { parseMutableParameters } from '../mutable-parameters.ts';
import { checkForVolume, parseClaim, parseParameters } from '../parameters.ts';
import { volumeMessage } from '../replies.ts';
import { parseCapabilities, parseCapacityRange, parseName, parseTopologies, required } from '../requests.ts';
import type { ControllerMethod } from './controller.ts';

/** Controller.CreateVolume. */
export function createVolumeMethod(
  parts: Parts<'catalogue' | 'host' | 'copying' | 'holds' | 'settings' | 'onStep' | 'now'>,
): ControllerMethod<'CreateVolume'> {
  return {
    holds: (request) => [exclusive('volume name', request.name), ...sourceHolds(request)],
    // An empty volume is finished before the CO retries.
    canJoin: (request) => request.volume_content_source !== null,
    async handle(request, held) {
      const spec = parse(parts.settings, request, held);
      const volume = await createVolume(parts, held.exclusive('volume name', spec.name), spec);
      return { volume: volumeMessage(parts.settings, volume) };
    },
  };
}

/** The source must not change while it is being copied. */
function sourceHolds({ volume_content_source: source }: Request): HoldRequest[] {
  if (source?.snapshot) return [shared('snapshot', source.snapshot.snapshot_id)];
  if (source?.volume) return [shared('volume', source.volume.volume_id)];
  return [];
}

function parseSource(source: Request['volume_content_source'], held: Held): VolumeSpec['source'] {
  if (!source) return undefined;
  switch (source.type) {
    case 'snapshot': {
      const id = required('volume_content_source.snapshot.snapshot_id', source.snapshot?.snapshot_id ?? null);
      return held.shared('snapshot', id);
    }
    case 'volume': {
      const id = required('volume_content_source.volume.volume_id', source.volume?.volume_id ?? null);
      return held.shared('volume', id);
    }
    default:
      throw missingField('volume_content_source.type (snapshot or volume)');
  }
}

function parse({ features }: Settings, request: Request, held: Held): VolumeSpec {
  required('name', request.name);
  if (request.volume_capabilities.length === 0) throw missingField('volume_capabilities');
  const name = parseName('name', request.name);
  const capabilities = parseCapabilities('volume_capabilities', request.volume_capabilities);
  const parameters = parseParameters(request.parameters);
  const { pools, root, contentRequest, allowsModeChange, restore, nameTemplate } = parameters;
  const mutable = {
    ...parameters.deletion,
    ...parseMutableParameters(features, request.mutable_parameters),
  };
  const claim = parseClaim(request.parameters);
  checkForVolume(parameters, { name, claim });
  const isBlock = capabilities.some((capability) => capability.accessType === 'block');
  const fsType = capabilities.map(fsTypeOf).find((each) => each !== undefined);
  const range = parseCapacityRange(request.capacity_range);
  const requisite = parseTopologies(request.accessibility_requirements?.requisite);
  const source = parseSource(request.volume_content_source, held);
  return {
    name,
    capabilities,
    pools,
    contentRequest: { ...contentRequest, isBlock, fsType },
    allowsModeChange,
    root,
    mutable,
    source,
    range,
    restore,
    claim,
    nameTemplate,
    requisite,
  };
}
