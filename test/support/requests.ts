import type { AccessMode } from '../../src/model/requests/capability.ts';
import type { CreateVolumeRequest } from '../../src/rpc/generated/csi/v1/CreateVolumeRequest.ts';
import type { VolumeCapability } from '../../src/rpc/generated/csi/v1/VolumeCapability.ts';

/** A mount capability as a CO sends it. */
export function mountCapability(
  mode: AccessMode = 'SINGLE_NODE_WRITER',
  mountFlags: string[] = [],
): VolumeCapability {
  return { mount: { mount_flags: mountFlags }, access_mode: { mode } };
}

/** A create that succeeds on any pool. */
export function createRequest(name: string, changes: Partial<CreateVolumeRequest> = {}): CreateVolumeRequest {
  return {
    name,
    capacity_range: { required_bytes: 1024 ** 2 },
    volume_capabilities: [mountCapability()],
    ...changes,
  };
}
