import type { AccessMode } from '../../../../src/volume/access-mode.ts';
import type { MountCapability } from '../../../../src/volume/capability.ts';
import type { VolumeSpec } from '../../../../src/volume/create-volume.ts';
import { type MountFlags, noMountFlags } from '../../../../src/volume/mount-flags.ts';

/** A mount capability, parsed. */
export function capability(
  accessMode: AccessMode = 'SINGLE_NODE_WRITER',
  flags: Partial<MountFlags> = {},
): MountCapability {
  return { accessType: 'mount', accessMode, fsType: '', mountFlags: { ...noMountFlags, ...flags } };
}

/** What a plain CreateVolume asks for, parsed. */
export function volumeSpec(changes: Partial<VolumeSpec> = {}): VolumeSpec {
  return {
    name: 'a',
    range: { requiredBytes: 1024n ** 2n, limitBytes: 0n },
    capabilities: [capability()],
    pool: undefined,
    root: { uid: 0, gid: 0, mode: 0o777 },
    requisite: [],
    ...changes,
  };
}
