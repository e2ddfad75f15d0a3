import type { Volume } from '../model/objects/volume.ts';
import type { Model } from '../model/state/model.ts';
import { checkSuitable } from '../model/volumes/check-suitable.ts';
import type { VolumeCapability__Output } from '../rpc/generated/csi/v1/VolumeCapability.ts';
import { parseCapability } from './requests.ts';

/**
 * Checks the capability in an expansion request, if there is one (CSI specification, "Exceeds capabilities" of both
 * expansions).
 * @throws VolumeError invalid: the volume cannot be used with this capability
 */
export async function checkExpandedUse(
  model: Model,
  volume: Volume,
  capability: VolumeCapability__Output | null,
): Promise<void> {
  if (!capability) return;
  await checkSuitable(model, volume, parseCapability('volume_capability', capability), 'invalid');
}
