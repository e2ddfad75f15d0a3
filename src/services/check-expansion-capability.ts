import type { Volume } from '../model/objects/volume.ts';
import type { Parts } from '../model/parts.ts';
import { checkSupported } from '../model/volumes/check-supported.ts';
import type { VolumeCapability__Output } from '../rpc/generated/csi/v1/VolumeCapability.ts';
import { parseCapability } from './requests.ts';

/**
 * Checks the capability in an expansion request, if there is one (CSI specification, "Exceeds capabilities" of both
 * expansions).
 * @throws VolumeError invalid: the volume cannot be used with this capability
 */
export async function checkExpansionCapability(
  parts: Parts<'catalogue' | 'host'>,
  volume: Volume,
  capability: VolumeCapability__Output | null,
): Promise<void> {
  if (!capability) return;
  await checkSupported(parts, volume, parseCapability('volume_capability', capability), 'invalid');
}
