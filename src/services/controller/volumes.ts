import { missingField, VolumeError } from '../../model/errors.ts';
import { existingVolume } from '../../model/find/find-object.ts';
import type { Parts } from '../../model/parts.ts';
import type { VolumeCapability } from '../../model/requests/capability.ts';
import { exclusive } from '../../model/state/holds.ts';
import { availableCapacity, noCapacity } from '../../model/volumes/available-capacity.ts';
import { deleteVolume } from '../../model/volumes/delete-volume.ts';
import { expandContent, expandMounted } from '../../model/volumes/expand-volume.ts';
import { modifyVolume } from '../../model/volumes/modify-volume.ts';
import type { VolumeCapability__Output } from '../../rpc/generated/csi/v1/VolumeCapability.ts';
import { checkExpansionCapability } from '../check-expansion-capability.ts';
import { parseMutableParameters } from '../mutable-parameters.ts';
import { pageOf } from '../page.ts';
import { parseParameters } from '../parameters.ts';
import { parsePassphrase } from '../passphrase.ts';
import { volumeMessage, volumeStatus } from '../replies.ts';
import { checkShapes, parseCapabilities, parseCapacityRange, required } from '../requests.ts';
import { volumeList } from '../volume-list.ts';
import type { ControllerMethod } from './controller.ts';

/** Controller.DeleteVolume. */
export function deleteVolumeMethod(
  parts: Parts<'catalogue' | 'host' | 'copying' | 'holds' | 'settings' | 'onStep' | 'now'>,
): ControllerMethod<'DeleteVolume'> {
  return {
    holds: (request) => [exclusive('volume', request.volume_id)],
    async handle(request, held) {
      const volumeId = required('volume_id', request.volume_id);
      await deleteVolume(parts, held.exclusive('volume', volumeId));
      return {};
    },
  };
}

/** Controller.ListVolumes: volumes in the order of their positions. */
export function listVolumesMethod(parts: Parts<'catalogue' | 'settings'>): ControllerMethod<'ListVolumes'> {
  return {
    async handle(request) {
      const list = (position: string, limit: number) => parts.catalogue.volumes.listAfter(position, limit);
      const { items, nextToken } = pageOf(request, list);
      return volumeList(parts.settings, items, nextToken);
    },
  };
}

/** Controller.GetCapacity. */
export function getCapacityMethod(
  parts: Parts<'catalogue' | 'host' | 'settings'>,
): ControllerMethod<'GetCapacity'> {
  return {
    async handle(request) {
      const capabilities = parseSupported('volume_capabilities', request.volume_capabilities);
      const { pools, contentRequest } = parseParameters(request.parameters);
      const topology = request.accessible_topology?.segments;
      const capacity = capabilities
        ? await availableCapacity(parts, { capabilities, pools, contentRequest, topology })
        : noCapacity;
      return {
        available_capacity: capacity.availableBytes.toString(),
        maximum_volume_size: { value: capacity.maximumVolumeBytes.toString() },
        minimum_volume_size: { value: capacity.minimumVolumeBytes.toString() },
      };
    },
  };
}

/** Capabilities that a volume may have; undefined if no volume of this driver can have one of them. */
function parseSupported(
  field: string,
  list: readonly VolumeCapability__Output[],
): VolumeCapability[] | undefined {
  checkShapes(field, list);
  try {
    return parseCapabilities(field, list);
  } catch (error) {
    if (error instanceof VolumeError && error.kind === 'invalid') return undefined;
    throw error;
  }
}

/** Controller.ControllerExpandVolume. */
export function expandVolumeMethod(
  parts: Parts<'catalogue' | 'host' | 'holds' | 'settings' | 'onStep'>,
): ControllerMethod<'ControllerExpandVolume'> {
  return {
    holds: (request) => [exclusive('volume', request.volume_id)],
    async handle(request, held) {
      const volumeId = required('volume_id', request.volume_id);
      const range = parseCapacityRange(required('capacity_range', request.capacity_range));
      const volume = await existingVolume(parts.catalogue, volumeId);
      await checkExpansionCapability(parts, volume, request.volume_capability);
      const { limits, expansion } = parts.settings;
      const expanded = await expandContent(parts, held.volume(volume), range, limits.maximumVolumeBytes);
      // Otherwise no call would do the node's part.
      if (!expansion.byNode)
        await expandMounted(parts, held.volume(expanded.volume), parsePassphrase(request.secrets));
      return {
        capacity_bytes: expanded.volume.capacityBytes.toString(),
        node_expansion_required: expansion.byNode && expanded.needsNodeExpansion,
      };
    },
  };
}

/** Controller.ControllerGetVolume. */
export function getVolumeMethod(
  parts: Parts<'catalogue' | 'settings'>,
): ControllerMethod<'ControllerGetVolume'> {
  return {
    async handle(request) {
      const volume = await existingVolume(parts.catalogue, required('volume_id', request.volume_id));
      return {
        volume: volumeMessage(parts.settings, volume),
        status: volumeStatus(parts.settings, volume),
      };
    },
  };
}

/** Controller.ControllerModifyVolume. */
export function modifyVolumeMethod(
  parts: Parts<'catalogue' | 'holds' | 'settings' | 'onStep'>,
): ControllerMethod<'ControllerModifyVolume'> {
  return {
    holds: (request) => [exclusive('volume', request.volume_id)],
    async handle(request, held) {
      const volumeId = required('volume_id', request.volume_id);
      const { mutable_parameters } = request;
      if (Object.keys(mutable_parameters).length === 0) throw missingField('mutable_parameters');
      const volume = await existingVolume(parts.catalogue, volumeId);
      const changes = parseMutableParameters(parts.settings.features, mutable_parameters);
      await modifyVolume(parts, held.volume(volume), changes);
      return {};
    },
  };
}
