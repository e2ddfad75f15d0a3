import type { VolumeContent } from '../../../../src/model/objects/volume.ts';
import type {
  AccessMode,
  BlockCapability,
  MountCapability,
} from '../../../../src/model/requests/capability.ts';
import type { FileSystemType } from '../../../../src/model/requests/file-system-options.ts';
import { type MountFlags, noMountFlags } from '../../../../src/model/requests/mount-flags.ts';
import type { ContentRequest, InlineSpec, VolumeSpec } from './calls.ts';

/** A mount capability, parsed. */
export function capability(
  accessMode: AccessMode = 'SINGLE_NODE_WRITER',
  flags: Partial<MountFlags> = {},
): MountCapability {
  return {
    accessType: 'mount',
    accessMode,
    fsType: undefined,
    mountFlags: { ...noMountFlags, ...flags },
    superblockOptions: [],
    fileSystemOptions: [],
  };
}

/** A block capability, parsed. */
export function blockCapability(accessMode: AccessMode = 'SINGLE_NODE_WRITER'): BlockCapability {
  return { accessType: 'block', accessMode };
}

/** The content of a block volume. */
export const blockContent: VolumeContent = { backend: 'image', use: { accessType: 'block' } };

/** The content of an encrypted volume with ext4. */
export const encryptedContent: VolumeContent = {
  backend: 'image',
  use: { accessType: 'mount', fsType: 'ext4', encryption: { format: 'luks2' } },
};

/** The content of a volume with a file system of its own. */
export function imageContent(fsType?: FileSystemType): VolumeContent {
  return { backend: 'image', use: { accessType: 'mount', fsType } };
}

/** The content parameters of a plain request. */
export function contentRequestWith(changes: Partial<ContentRequest> = {}): ContentRequest {
  return { backend: 'auto', enforceCapacity: 'auto', isBlock: false, fsType: undefined, ...changes };
}

/** A plain CreateVolume request, parsed. */
export function volumeSpec(changes: Partial<VolumeSpec> = {}): VolumeSpec {
  return {
    name: 'a',
    range: { requiredBytes: 1024n ** 2n, limitBytes: 0n },
    capabilities: [capability()],
    pools: [],
    contentRequest: contentRequestWith(),
    allowsModeChange: false,
    root: { uid: 0, gid: 0, mode: 0o777 },
    mutable: {},
    source: undefined,
    restore: 'never',
    claim: undefined,
    nameTemplate: undefined,
    requisite: [],
    ...changes,
  };
}

/** A plain publish request for an inline volume, parsed. */
export function inlineSpec(changes: Partial<InlineSpec> = {}): InlineSpec {
  return {
    volumeId: 'csi-0123',
    targetPath: '/pod/target',
    capability: capability(),
    readOnly: false,
    sizeBytes: 1024n ** 2n,
    pools: [],
    contentRequest: { backend: 'auto', enforceCapacity: 'auto' },
    root: { uid: 0, gid: 0, mode: 0o777 },
    ...changes,
  };
}
