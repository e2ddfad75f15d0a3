import { VolumeError } from '../../model/errors.ts';
import { existingVolume, withUnmountSlot } from '../../model/find/find-object.ts';
import { publishInline } from '../../model/mounting/publish-inline.ts';
import { publishVolume, unpublishVolume } from '../../model/mounting/publish-volume.ts';
import { stageVolume, unstageVolume } from '../../model/mounting/stage-volume.ts';
import type { Parts } from '../../model/parts.ts';
import type { Settings } from '../../model/settings.ts';
import { exclusive, type HoldRequest } from '../../model/state/holds.ts';
import { parsePassphrase } from '../passphrase.ts';
import { parseCapability, required } from '../requests.ts';
import { isInline, parseInline, publishHold, unpublishHold } from './inline-volume.ts';
import type { NodeMethod } from './node.ts';

/** Node.NodeStageVolume. */
export function stageVolumeMethod(
  parts: Parts<'catalogue' | 'host' | 'holds' | 'settings' | 'onStep'>,
): NodeMethod<'NodeStageVolume'> {
  return {
    holds: (request) => [
      exclusive('volume', request.volume_id),
      pathHold(parts.settings, request.staging_target_path),
    ],
    async handle(request, held) {
      const volumeId = required('volume_id', request.volume_id);
      const path = required('staging_target_path', request.staging_target_path);
      const capabilityMessage = required('volume_capability', request.volume_capability);
      const volume = await existingVolume(parts.catalogue, volumeId);
      const stagingPath = parts.settings.mountPaths.resolve('staging_target_path', path);
      const capability = parseCapability('volume_capability', capabilityMessage);
      const spec = { capability, key: parsePassphrase(request.secrets) };
      await stageVolume(parts, held.volume(volume), held.exclusive('path', stagingPath), spec);
      return {};
    },
  };
}

/** Node.NodeUnstageVolume: also works for unknown volumes. */
export function unstageVolumeMethod(
  parts: Parts<'catalogue' | 'host' | 'holds' | 'settings' | 'onStep'>,
): NodeMethod<'NodeUnstageVolume'> {
  return {
    holds: (request) => [
      exclusive('volume', request.volume_id),
      pathHold(parts.settings, request.staging_target_path),
    ],
    async handle(request, held) {
      const volume = held.exclusive('volume', required('volume_id', request.volume_id));
      const path = required('staging_target_path', request.staging_target_path);
      const stagingPath = parts.settings.mountPaths.resolve('staging_target_path', path);
      const unstage = () => unstageVolume(parts, volume, held.exclusive('path', stagingPath));
      await withUnmountSlot(parts.catalogue, volume.id, unstage);
      return {};
    },
  };
}

/** Node.NodePublishVolume, of a staged volume or an inline one. */
export function publishVolumeMethod(
  parts: Parts<'catalogue' | 'host' | 'copying' | 'holds' | 'settings' | 'onStep' | 'now'>,
): NodeMethod<'NodePublishVolume'> {
  return {
    holds: (request) => [publishHold(parts.settings, request), pathHold(parts.settings, request.target_path)],
    async handle(request, held) {
      const volumeId = required('volume_id', request.volume_id);
      const target = required('target_path', request.target_path);
      const capabilityMessage = required('volume_capability', request.volume_capability);
      if (isInline(parts.settings, request)) {
        await publishInline(parts, parseInline(parts.settings, request, held));
        return {};
      }
      const volume = await existingVolume(parts.catalogue, volumeId);
      // The specification requires this code, since STAGE_UNSTAGE_VOLUME is declared.
      if (request.staging_target_path === '') {
        throw new VolumeError(
          'precondition',
          'staging_target_path is required: the volume must be staged first',
        );
      }
      const { mountPaths } = parts.settings;
      const stagingPath = mountPaths.resolve('staging_target_path', request.staging_target_path);
      const targetPath = held.exclusive('path', mountPaths.resolve('target_path', target));
      const capability = parseCapability('volume_capability', capabilityMessage);
      const spec = { stagingPath, capability, readOnly: request.readonly };
      await publishVolume(parts, held.sharedVolume(volume), targetPath, spec);
      return {};
    },
  };
}

/** Node.NodeUnpublishVolume: also works for unknown volumes. */
export function unpublishVolumeMethod(
  parts: Parts<'catalogue' | 'host' | 'holds' | 'settings' | 'onStep' | 'now'>,
): NodeMethod<'NodeUnpublishVolume'> {
  return {
    holds: (request) => [
      unpublishHold(parts.catalogue, request),
      pathHold(parts.settings, request.target_path),
    ],
    async handle(request, held) {
      const volume = held.shared('volume', required('volume_id', request.volume_id));
      const target = required('target_path', request.target_path);
      const targetPath = parts.settings.mountPaths.resolve('target_path', target);
      const unpublish = () => unpublishVolume(parts, volume, held.exclusive('path', targetPath));
      await withUnmountSlot(parts.catalogue, volume.id, unpublish);
      return {};
    },
  };
}

/** A staging or target path, however the request spells it. */
function pathHold(settings: Settings, path: string): HoldRequest {
  return exclusive('path', settings.mountPaths.canonical(path));
}
