import type { Model } from '../../../../src/volume/model.ts';
import { MountIndex } from '../../../../src/volume/mount-index.ts';
import { MountPaths } from '../../../../src/volume/mount-paths.ts';
import { type Pool, Pools } from '../../../../src/volume/pool.ts';
import { type OnStep, passStep } from '../../../../src/volume/steps.ts';
import type { TopologySegments } from '../../../../src/volume/topology.ts';
import type { Volume } from '../../../../src/volume/volume.ts';
import { newVolumeId } from '../../../../src/volume/volume-id.ts';
import { VolumeIndex } from '../../../../src/volume/volume-index.ts';
import { FakeBackend } from './fake-backend.ts';
import { FakeMounts } from './fake-mounts.ts';
import { FakeRecords } from './fake-records.ts';

/** Where the kubelet's directory appears in requests, and where it really is. */
export const kubeletDir = '/var/lib/kubelet';
export const realKubeletDir = '/kubelet';

export const here: TopologySegments = { 'topology.hostpath.csi/node': 'node-1' };
export const fixedNow = new Date('2024-05-06T07:08:09.010Z');

export interface FakeModelSettings {
  /** Undefined switches topology off. */
  readonly topology?: TopologySegments | undefined;
  readonly maximumVolumeBytes?: bigint;
  readonly enforcesCapacity?: boolean;
  readonly onStep?: OnStep;
}

export type FakePool = Pool & {
  readonly records: FakeRecords;
  readonly backend: FakeBackend;
  /** What its check for reachability does. */
  checkReachable: () => Promise<void>;
};

/** A whole node in memory: pools `default` and `fast`, no volume, and the kubelet's directory. */
export interface FakeNode {
  readonly model: Model;
  readonly mounts: FakeMounts;
  readonly pool: FakePool;
  readonly fastPool: FakePool;
  /** A volume that exists, on disk and in the index. */
  addVolume(name?: string, changes?: Partial<Volume>): Promise<Volume>;
  /** A directory as the CO makes it. */
  makeDirectory(path: string): string;
}

export function fakeNode(settings: FakeModelSettings = {}): FakeNode {
  const { onStep = passStep, maximumVolumeBytes = 1024n ** 4n, enforcesCapacity = false } = settings;
  const mounts = new FakeMounts();
  mounts.space = {
    ...mounts.space,
    bytes: { total: 100n * 1024n ** 3n, used: 0n, available: 50n * 1024n ** 3n },
  };
  mounts.tree.makeDirectory(realKubeletDir);
  mounts.tree.makeSymlink(kubeletDir, realKubeletDir);
  const makePool = (name: string, id: string): FakePool => {
    const path = `/pools/${name}`;
    const backend = new FakeBackend(mounts.tree, enforcesCapacity);
    const destroy = (directory: string) => backend.destroy(directory);
    const records = new FakeRecords({ tree: mounts.tree, poolPath: path, poolName: name, destroy, onStep });
    const checkReachable = async () => {};
    return { name, id, path, records, backend, checkReachable, usage: () => mounts.usage(path) };
  };
  const pool = makePool('default', 'aaaaaaaa');
  const fastPool = makePool('fast', 'bbbbbbbb');
  const model: Model = {
    pools: new Pools([pool, fastPool]),
    volumes: new VolumeIndex(),
    mounts,
    mountIndex: new MountIndex(mounts),
    paths: new MountPaths(kubeletDir, realKubeletDir, [pool.path, fastPool.path]),
    topology: 'topology' in settings ? settings.topology : here,
    maximumVolumeBytes,
    onStep,
    now: () => fixedNow,
  };
  return {
    model,
    mounts,
    pool,
    fastPool,
    async addVolume(name = 'a', changes = {}) {
      const volume = exampleVolume({ id: newVolumeId(name, pool.id), name, ...changes });
      await pool.records.add(volume, (directory) => pool.backend.provision(directory, volume));
      model.volumes.add(volume, pool.records.directoryNameOf(volume.id));
      return volume;
    },
    makeDirectory(path) {
      mounts.tree.makeDirectory(path);
      return path;
    },
  };
}

export function exampleVolume(changes: Partial<Volume> = {}): Volume {
  return {
    id: newVolumeId('a', 'aaaaaaaa', Buffer.alloc(4)),
    name: 'a',
    pool: 'default',
    backend: 'directory',
    capacityBytes: 1024n ** 2n,
    root: { uid: 0, gid: 0, mode: 0o777 },
    accessModes: ['SINGLE_NODE_WRITER'],
    createdAt: fixedNow.toISOString(),
    ...changes,
  };
}
