import type { VolumeCapability } from '../../../src/rpc/generated/csi/v1/VolumeCapability.ts';
import { btrfs } from '../../support/btrfs.ts';
import { reflinkPool } from '../../support/copied-image.ts';
import { isHostRoot } from '../../support/host-root.ts';
import { blockDevice, fileSystem } from '../../support/image-node.ts';
import { mountCapability } from '../../support/requests.ts';

const MIB = 1024 ** 2;

/** The pools beside the default one, and how each is made. */
export const otherPools = {
  xfs: () => reflinkPool('xfs'),
  btrfs: () => btrfs('qgroup', 4096 * MIB),
} as const;

export type PoolName = 'default' | keyof typeof otherPools;

/** A kind of volume in one of the pools. */
export interface Kind {
  readonly pool: PoolName;
  readonly form: 'directory' | 'file system' | 'block';
  readonly capability: VolumeCapability;
  readonly parameters: Record<string, string>;
  readonly sizeBytes: number;
}

/** The content of an object's directory beside its record. */
export function contentName({ form }: Kind): 'data' | 'image' {
  return form === 'directory' ? 'data' : 'image';
}

const capabilities = { directory: mountCapability(), block: blockDevice() };

function kind(pool: PoolName, form: 'directory' | 'block', sizeBytes = MIB): Kind {
  return { pool, form, capability: capabilities[form], parameters: { pool }, sizeBytes };
}

function image(pool: PoolName, fsType: string, sizeBytes: number): Kind {
  const parameters = { pool, backend: 'image' };
  return { pool, form: 'file system', capability: fileSystem(fsType), parameters, sizeBytes };
}

const all: readonly Kind[] = [
  kind('default', 'directory'),
  image('default', 'ext4', 16 * MIB),
  kind('default', 'block'),
  kind('xfs', 'directory'),
  image('xfs', 'xfs', 300 * MIB),
  kind('xfs', 'block'),
  // A subvolume.
  kind('btrfs', 'directory', 16 * MIB),
  image('btrfs', 'ext4', 16 * MIB),
];

/** The kinds that this machine can provide. */
export const kinds = isHostRoot ? all : all.slice(0, 1);
export const poolNames = [...new Set(kinds.map(({ pool }) => pool))];
