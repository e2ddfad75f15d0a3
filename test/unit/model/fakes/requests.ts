import type { InlineSpec } from '../../../../src/model/mounting/publish-inline.ts';
import type { VolumeContent } from '../../../../src/model/objects/volume.ts';
import type { AccessMode } from '../../../../src/model/requests/access-mode.ts';
import type { BlockCapability, MountCapability } from '../../../../src/model/requests/capability.ts';
import type { FileSystemType } from '../../../../src/model/requests/file-system-type.ts';
import { type MountFlags, noMountFlags } from '../../../../src/model/requests/mount-flags.ts';
import type { ContentWish } from '../../../../src/model/volumes/choose-content.ts';
import type { VolumeSpec } from '../../../../src/model/volumes/create-volume.ts';

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

/** The content of a volume with a file system of its own. */
export function imageContent(fsType?: FileSystemType): VolumeContent {
  return { backend: 'image', use: { accessType: 'mount', fsType } };
}

/** What a plain request says of how its volume shall be provided. */
export function contentWish(changes: Partial<ContentWish> = {}): ContentWish {
  return { backend: 'auto', enforceCapacity: 'auto', isBlock: false, fsType: undefined, ...changes };
}

/** What a plain CreateVolume asks for, parsed. */
export function volumeSpec(changes: Partial<VolumeSpec> = {}): VolumeSpec {
  return {
    name: 'a',
    range: { requiredBytes: 1024n ** 2n, limitBytes: 0n },
    capabilities: [capability()],
    pool: undefined,
    wish: contentWish(),
    allowsModeChange: false,
    root: { uid: 0, gid: 0, mode: 0o777 },
    mutable: {},
    source: undefined,
    requisite: [],
    ...changes,
  };
}

/** What a plain publish of an inline volume asks for, parsed. */
export function inlineSpec(changes: Partial<InlineSpec> = {}): InlineSpec {
  return {
    volumeId: 'csi-0123',
    targetPath: '/pod/target',
    capability: capability(),
    readOnly: false,
    sizeBytes: 1024n ** 2n,
    pool: undefined,
    wish: { backend: 'auto', enforceCapacity: 'auto' },
    root: { uid: 0, gid: 0, mode: 0o777 },
    ...changes,
  };
}
