import { onTestFinished } from 'vitest';
import type { VolumeCapability } from '../../src/rpc/generated/csi/v1/VolumeCapability.ts';
import { btrfs } from './btrfs.ts';
import { reflinkPool } from './copied-image.ts';
import { fileSystem } from './image-node.ts';
import { mountCapability } from './requests.ts';
import { detachBelow } from './scratch.ts';
import { type TestNode, testNode } from './test-node.ts';

const MIB = 1024 ** 2;
const POOL = 'other';

/** One way for volumes to be provided: on a pool of its own, or on the node's default pool. */
export interface Storage {
  readonly name: string;
  /** The context of such a volume. */
  readonly backend: 'directory' | 'subvolume' | 'image';
  readonly capability: VolumeCapability;
  readonly sizeBytes: number;
  /** Makes the pool for one test; undefined for the default pool. @returns where it is mounted */
  readonly makePool: (() => string) | undefined;
}

/** A node with a driver that has the pool of a storage. */
export interface StorageNode {
  readonly node: TestNode;
  /** The directory of the pool with the volumes. */
  readonly pool: string;
  /** The flags of the driver, for restarting it. */
  readonly flags: string[];
  readonly parameters: Record<string, string>;
}

export const plainDirectory: Storage = {
  name: 'a plain directory',
  backend: 'directory',
  capability: mountCapability(),
  sizeBytes: 64 * MIB,
  makePool: undefined,
};

const sharingDirectory: Storage = {
  ...plainDirectory,
  name: 'a plain directory on XFS with shared blocks',
  makePool: () => reflinkPool('xfs'),
};

/** Volumes on btrfs, with quotas of both kinds and without. */
export const subvolumes = (['off', 'qgroup', 'squota'] as const).map(
  (quota): Storage => ({
    ...plainDirectory,
    name: `a subvolume with quotas ${quota}`,
    backend: 'subvolume',
    makePool: () => btrfs(quota, 2048 * MIB),
  }),
);

/** Directories of every kind that this kernel supports; those with project quotas are tested in the guest. */
export const directories: readonly Storage[] = [plainDirectory, sharingDirectory, ...subvolumes];

export const imageFileSystems = ['ext4', 'xfs', 'btrfs'] as const;

/** The places for images: with blocks that can be shared, and without. */
export const imagePools = {
  'a plain pool': undefined,
  'XFS with shared blocks': () => reflinkPool('xfs'),
  btrfs: () => reflinkPool('btrfs'),
} as const;

/** Images with every file system, on every kind of pool. */
export const images: readonly Storage[] = Object.entries(imagePools).flatMap(([pool, makePool]) =>
  imageFileSystems.map(
    (fsType): Storage => ({
      name: `an image with ${fsType} on ${pool}`,
      backend: 'image',
      capability: fileSystem(fsType),
      sizeBytes: 320 * MIB,
      makePool,
    }),
  ),
);

/** Starts a driver that can provide such volumes. */
export async function nodeWith({
  backend,
  makePool,
}: Pick<Storage, 'backend' | 'makePool'>): Promise<StorageNode> {
  // First, so that it is removed last.
  const path = makePool?.();
  if (path !== undefined) onTestFinished(() => detachBelow(path));
  const node = testNode();
  const flags = path === undefined ? [] : [`--pool=${POOL}=${path}`];
  await node.start({ flags });
  const parameters = {
    ...(path === undefined ? {} : { pool: POOL }),
    ...(backend === 'image' ? { backend } : {}),
  };
  return { node, pool: path ?? node.pool, flags, parameters };
}
