import { memberDirectory } from '../../../../src/model/find/find-snapshot.ts';
import { Account } from '../../../../src/model/objects/account.ts';
import type { Finding } from '../../../../src/model/objects/finding.ts';
import { newObjectId } from '../../../../src/model/objects/object-id.ts';
import { ObjectIndex } from '../../../../src/model/objects/object-index.ts';
import type { GroupSnapshot, Snapshot } from '../../../../src/model/objects/snapshot.ts';
import { SnapshotIndex } from '../../../../src/model/objects/snapshot-index.ts';
import type { TopologySegments } from '../../../../src/model/objects/topology.ts';
import {
  type BackendKind,
  defaultMutableParameters,
  type Volume,
} from '../../../../src/model/objects/volume.ts';
import { VolumeIndex } from '../../../../src/model/objects/volume-index.ts';
import { type DirectoryAbility, type Pool, Pools } from '../../../../src/model/ports/pool.ts';
import { MountPaths } from '../../../../src/model/requests/mount-paths.ts';
import { placeOf } from '../../../../src/model/space/place.ts';
import { countVolume } from '../../../../src/model/space/reservations.ts';
import { Copies, type CopyProgress } from '../../../../src/model/state/copies.ts';
import { InWork } from '../../../../src/model/state/in-work.ts';
import { Locations } from '../../../../src/model/state/locations.ts';
import type { Expansion, Features, Model } from '../../../../src/model/state/model.ts';
import { MountIndex } from '../../../../src/model/state/mount-index.ts';
import { Recounts } from '../../../../src/model/state/recounts.ts';
import { SharingClaims } from '../../../../src/model/state/sharing-claims.ts';
import { type OnStep, passStep } from '../../../../src/model/steps.ts';
import { groupRecords, snapshotRecords, volumeRecords } from '../../../../src/records/record-kinds.ts';
import { FakeBackend } from './fake-backend.ts';
import { FakeBlockMaps } from './fake-block-maps.ts';
import { FakeDevices } from './fake-devices.ts';
import { FakeFormatter } from './fake-formatter.ts';
import { FakeFreezeMarks } from './fake-freeze-marks.ts';
import { FakeMounts } from './fake-mounts.ts';
import { FakeRecords } from './fake-records.ts';

/** Where the kubelet's directory appears in requests, and where it really is. */
export const kubeletDir = '/var/lib/kubelet';
export const realKubeletDir = '/kubelet';

export const here: TopologySegments = { 'topology.hostpath.csi/node': 'node-1' };
export const fixedNow = new Date('2024-05-06T07:08:09.010Z');

const noFeatures: Features = {
  attach: false,
  mutableParameters: undefined,
  listSnapshots: true,
  snapshotMetadata: undefined,
  strictLifecycle: false,
  inlineByDefault: false,
};

export interface FakeModelSettings {
  /** Undefined switches topology off. */
  readonly topology?: TopologySegments | undefined;
  readonly maximumVolumeBytes?: bigint;
  readonly maximumNodeExpansionBytes?: bigint;
  readonly overcommitThousandths?: bigint;
  readonly expansion?: Expansion;
  readonly features?: Partial<Features>;
  /** How many volumes this node may have. */
  readonly volumeLimit?: number;
  /** What the disk of the pools has left. */
  readonly freeBytes?: bigint;
  /** What the pool `default` may reserve. */
  readonly capacityBytes?: bigint;
  /** The accounting classes in it, and what each may reserve. */
  readonly classes?: Readonly<Record<string, bigint>>;
  readonly directories?: DirectoryAbility;
  readonly hasImages?: boolean;
  readonly sharesBlocks?: boolean;
  /** How many long copies there may be at once. */
  readonly copySlots?: number;
  readonly onStep?: OnStep;
}

export type FakePool = Pool & {
  readonly records: {
    readonly volumes: FakeRecords<Volume>;
    readonly snapshots: FakeRecords<Snapshot>;
    readonly groups: FakeRecords<GroupSnapshot>;
    readonly retained: FakeRecords<Volume>['retained'];
  };
  readonly freezeMarks: FakeFreezeMarks;
  readonly backends: Readonly<Record<BackendKind, FakeBackend>>;
  /** What thawing a marked volume does: it succeeds, unless a test says otherwise. */
  thawMarked: (volumeId: string) => Promise<boolean>;
  /** What its check for reachability does. */
  checkReachable: () => Promise<void>;
};

/** A finding and what it is of. */
type FoundAt = Finding & { readonly volumeId?: string; readonly pool?: string };

/** A whole node in memory: pools `default` and `fast` on one disk, no volume, and the kubelet's directory. */
export interface FakeNode {
  readonly model: Model;
  readonly mounts: FakeMounts;
  readonly devices: FakeDevices;
  readonly formatter: FakeFormatter;
  readonly blockMaps: FakeBlockMaps;
  readonly pool: FakePool;
  readonly fastPool: FakePool;
  /** What was told of long copies, in order. */
  readonly copies: readonly CopyProgress[];
  /** What replies about health were made of, in order. */
  readonly findings: readonly FoundAt[];
  /** A volume that exists, on disk, in the index and in the accounts. */
  addVolume(name?: string, changes?: Partial<Volume>): Promise<Volume & { name: string }>;
  /** A directory as the CO makes it. */
  makeDirectory(path: string): string;
}

export function fakeNode(settings: FakeModelSettings = {}): FakeNode {
  const { onStep = passStep, freeBytes = 50n * 1024n ** 3n } = settings;
  const mounts = new FakeMounts();
  const bytes = { total: 2n * freeBytes, used: 0n, available: freeBytes };
  mounts.space = { ...mounts.space, bytes };
  mounts.tree.makeDirectory(realKubeletDir);
  mounts.tree.makeSymlink(kubeletDir, realKubeletDir);
  const disk = new Account(undefined);
  const pool = fakePool(mounts, disk, { ...settings, name: 'default', id: 'aaaaaaaa' });
  const fastPool = fakePool(mounts, disk, {
    ...settings,
    name: 'fast',
    id: 'bbbbbbbb',
    capacityBytes: undefined,
    classes: {},
  });
  const locations = new Locations(mounts);
  for (const { name, path } of [pool, fastPool]) locations.setPool(name, { fileSystem: '8:1', path });
  const devices = new FakeDevices(mounts);
  const formatter = new FakeFormatter(mounts);
  const blockMaps = new FakeBlockMaps();
  const copies: CopyProgress[] = [];
  const findings: FoundAt[] = [];
  const model: Model = {
    pools: new Pools([pool, fastPool]),
    volumes: new VolumeIndex(),
    retained: new VolumeIndex(),
    attaching: new Set(),
    snapshots: new SnapshotIndex(),
    groups: new ObjectIndex<GroupSnapshot>('group snapshot'),
    mounts,
    locations,
    devices,
    formatter,
    blockMaps,
    mountIndex: new MountIndex(mounts),
    copies: new Copies(settings.copySlots ?? 4, (progress) => copies.push(progress)),
    recounts: new Recounts(
      () => model,
      (_, work) => work(new AbortController().signal),
      () => 0,
    ),
    sharing: new SharingClaims(),
    frozen: new InWork(),
    thawing: new InWork(),
    volumesInWork: new InWork(),
    pathsInWork: new InWork(),
    paths: new MountPaths(kubeletDir, realKubeletDir, ['/'], () => [pool.path, fastPool.path]),
    topology: 'topology' in settings ? settings.topology : here,
    limits: {
      maximumVolumeBytes: settings.maximumVolumeBytes ?? 1024n ** 4n,
      maximumNodeExpansionBytes: settings.maximumNodeExpansionBytes ?? 1024n ** 4n,
      overcommitThousandths: settings.overcommitThousandths ?? 1000n,
    },
    expansion: settings.expansion ?? { byController: true, byNode: true },
    features: { ...noFeatures, ...settings.features },
    node: { id: 'node-1', volumeLimit: settings.volumeLimit ?? 0 },
    abandoned: { ids: new Set(), onDelete: () => {} },
    onStep,
    onFinding: (subject, found) => findings.push({ ...subject, ...found }),
    now: () => fixedNow,
  };
  return {
    model,
    mounts,
    devices,
    formatter,
    blockMaps,
    pool,
    fastPool,
    copies,
    findings,
    async addVolume(name = 'a', changes = {}) {
      const { records, backends, id } = changes.pool === 'fast' ? fastPool : pool;
      const volume = { ...exampleVolume({ id: newObjectId(name, id), ...changes }), name };
      await records.volumes.add(volume, (directory) =>
        backends[volume.content.backend].provision(directory, volume),
      );
      model.volumes.add(volume);
      countVolume(placeOf(model, volume), volume);
      return volume;
    },
    makeDirectory(path) {
      mounts.tree.makeDirectory(path);
      return path;
    },
  };
}

interface FakePoolSettings
  extends Pick<FakeModelSettings, 'classes' | 'directories' | 'hasImages' | 'sharesBlocks' | 'onStep'> {
  readonly name: string;
  readonly id: string;
  readonly capacityBytes?: bigint | undefined;
}

function fakePool(
  mounts: FakeMounts,
  disk: Account,
  {
    name,
    id,
    capacityBytes,
    classes = {},
    directories = { backend: 'directory' },
    hasImages = true,
    sharesBlocks = false,
    onStep = passStep,
  }: FakePoolSettings,
): FakePool {
  const path = `/pools/${name}`;
  const backends = {
    directory: new FakeBackend(mounts.tree, 'directory'),
    quota: new FakeBackend(mounts.tree, 'quota'),
    subvolume: new FakeBackend(mounts.tree, 'subvolume'),
    image: new FakeBackend(mounts.tree, 'image'),
  };
  const shared = { tree: mounts.tree, poolPath: path, poolName: name, onStep };
  const volumes = new FakeRecords({
    ...shared,
    kind: volumeRecords,
    destroy: (directory, volume) => backends[volume.content.backend].destroy(directory, volume),
  });
  const freezeMarks = new FakeFreezeMarks();
  let lastProjectId = 100;
  return {
    name,
    id,
    path,
    abilities: { directories, hasImages, sharesBlocks },
    records: {
      volumes,
      retained: volumes.retained,
      snapshots: new FakeRecords({
        ...shared,
        kind: snapshotRecords,
        destroy: (directory, snapshot) => backends[snapshot.content.backend].destroy(directory),
      }),
      groups: new FakeRecords({
        ...shared,
        kind: groupRecords,
        destroy: async (directory, group) => {
          for (const { id: memberId, content } of group.snapshots) {
            await backends[content.backend].destroy(memberDirectory(directory, memberId));
          }
          mounts.tree.remove(directory);
        },
      }),
    },
    freezeMarks,
    async thawMarked(volumeId) {
      await freezeMarks.remove([volumeId]);
      return true;
    },
    backends,
    account: new Account(capacityBytes),
    classes: new Map(Object.entries(classes).map(([each, limit]) => [each, new Account(limit)])),
    disk,
    stuckRemovals: [],
    lost: new AbortController().signal,
    takingDown: (work) => work(),
    checkReachable: async () => {},
    usage: () => mounts.usage(path),
    reserveProjectId: async () => ++lastProjectId,
  };
}

export function exampleVolume(changes: Partial<Volume> = {}): Volume {
  const { id = newObjectId('a', 'aaaaaaaa', Buffer.alloc(4)) } = changes;
  return {
    id,
    name: 'a',
    pool: 'default',
    capacityClass: undefined,
    content: { backend: 'directory' },
    capacityBytes: 1024n ** 2n,
    source: undefined,
    sharing: { lineage: id, sharedBytes: 0n },
    root: { uid: 0, gid: 0, mode: 0o777 },
    accessModes: ['SINGLE_NODE_WRITER'],
    mutable: defaultMutableParameters,
    attachment: undefined,
    inline: undefined,
    createdAt: fixedNow.toISOString(),
    ...changes,
  };
}
