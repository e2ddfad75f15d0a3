import { Account } from '../../../../src/model/objects/account.ts';
import type { Finding } from '../../../../src/model/objects/finding.ts';
import { newObjectId } from '../../../../src/model/objects/object-id.ts';
import type { GroupSnapshot, Snapshot } from '../../../../src/model/objects/snapshot.ts';
import type { TopologySegments } from '../../../../src/model/objects/topology.ts';
import {
  type BackendKind,
  defaultMutableParameters,
  type Volume,
} from '../../../../src/model/objects/volume.ts';
import type { Parts } from '../../../../src/model/parts.ts';
import {
  type DirectoryAbility,
  noRemovals,
  type Pool,
  type PoolAbilities,
  Pools,
} from '../../../../src/model/ports/pool.ts';
import { memberDirectory } from '../../../../src/model/ports/volume-data.ts';
import { MountPaths } from '../../../../src/model/requests/mount-paths.ts';
import type { Expansion, Features } from '../../../../src/model/settings.ts';
import { type AbandonedPools, Catalogue } from '../../../../src/model/state/catalogue.ts';
import { Copies, type CopyProgress } from '../../../../src/model/state/copies.ts';
import { Holds } from '../../../../src/model/state/holds.ts';
import { Locations } from '../../../../src/model/state/locations.ts';
import { MountIndex } from '../../../../src/model/state/mount-index.ts';
import { placementOf } from '../../../../src/model/state/placement.ts';
import { Recounts } from '../../../../src/model/state/recounts.ts';
import { reserveVolume } from '../../../../src/model/state/reservations.ts';
import { SharedReservations } from '../../../../src/model/state/shared-reservations.ts';
import { type OnStep, passStep } from '../../../../src/model/steps.ts';
import { groupRecords, snapshotRecords, volumeRecords } from '../../../../src/records/record-kinds.ts';
import { type DiskReserve, noReserve } from '../../../../src/units/disk-reserve.ts';
import { FakeBackend } from './fake-backend.ts';
import { FakeBlockMaps } from './fake-block-maps.ts';
import { FakeDevices } from './fake-devices.ts';
import { FakeFormatter } from './fake-formatter.ts';
import { FakeFreezeMarks } from './fake-freeze-marks.ts';
import { FakeMounts } from './fake-mounts.ts';
import { FakeRecords } from './fake-records.ts';
import { FakeVolumeNames } from './fake-volume-names.ts';

/** The kubelet's directory as it appears in requests, and its real path. */
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
  /** The limit of volumes on this node. */
  readonly volumeLimit?: number;
  /** The free space on the disk of the pools. */
  readonly freeBytes?: bigint;
  /** Whether the pool `fast` is on a disk of its own, which has as much free space. */
  readonly hasTwoDisks?: boolean;
  /** The capacity of the pool `default`. */
  readonly capacityBytes?: bigint;
  /** The accounting classes in it, and their capacities. */
  readonly classes?: Readonly<Record<string, bigint>>;
  /** The names of the pools that only other nodes have. */
  readonly elsewhere?: readonly string[];
  readonly directories?: DirectoryAbility;
  readonly hasImages?: boolean;
  readonly sharesBlocks?: boolean;
  readonly configProblem?: string;
  /** The limit of concurrent long copies. */
  readonly copySlots?: number;
  readonly abandoned?: AbandonedPools;
  readonly onStep?: OnStep;
}

export type FakePool = Pool & {
  diskReserve: DiskReserve;
  abilities: PoolAbilities;
  readonly records: {
    readonly volumes: FakeRecords<Volume>;
    readonly snapshots: FakeRecords<Snapshot>;
    readonly groups: FakeRecords<GroupSnapshot>;
    readonly retained: FakeRecords<Volume>['retained'];
    readonly names: FakeVolumeNames;
  };
  readonly freezeMarks: FakeFreezeMarks;
  readonly backends: Readonly<Record<BackendKind, FakeBackend>>;
  /** The effect of thawing a marked volume: it succeeds, unless a test overrides it. */
  thawMarked: (volumeId: string) => Promise<boolean>;
  /** The effect of its reachability check. */
  checkReachable: () => Promise<void>;
};

/** A finding and its subject. */
type FoundAt = Finding & { readonly volumeId?: string; readonly pool?: string };

/** A whole node in memory: pools `default` and `fast`, on one disk by default, no volume, and the kubelet's directory. */
export interface FakeNode {
  readonly model: Parts;
  readonly mounts: FakeMounts;
  readonly devices: FakeDevices;
  readonly formatter: FakeFormatter;
  readonly blockMaps: FakeBlockMaps;
  readonly pool: FakePool;
  readonly fastPool: FakePool;
  /** The reports of long copies, in order. */
  readonly copies: readonly CopyProgress[];
  /** The findings in replies about health, in order. */
  readonly findings: readonly FoundAt[];
  /** A volume that exists, on disk, in the index and in the accounts. */
  addVolume(name?: string, changes?: Partial<Volume>): Promise<Volume & { name: string }>;
  /** A directory as the CO makes it. */
  makeDirectory(path: string): string;
}

export function fakeNode(settings: FakeModelSettings = {}): FakeNode {
  const { onStep = passStep, freeBytes = 50n * 1024n ** 3n } = settings;
  const { abandoned = { ids: new Set(), onDelete: () => {} } } = settings;
  const mounts = new FakeMounts();
  const bytes = { total: 2n * freeBytes, used: 0n, available: freeBytes };
  mounts.space = { ...mounts.space, bytes };
  mounts.tree.makeDirectory(realKubeletDir);
  mounts.tree.makeSymlink(kubeletDir, realKubeletDir);
  const disk = new Account(undefined);
  const pool = fakePool(mounts, disk, { ...settings, name: 'default', id: 'aaaaaaaa' });
  const fastPool = fakePool(mounts, settings.hasTwoDisks ? new Account(undefined) : disk, {
    ...settings,
    name: 'fast',
    id: 'bbbbbbbb',
    capacityBytes: undefined,
    classes: {},
  });
  const locations = new Locations(mounts, mounts);
  for (const { name, path } of [pool, fastPool]) locations.setPool(name, { fileSystem: '8:1', path });
  const devices = new FakeDevices(mounts);
  const formatter = new FakeFormatter(mounts);
  const blockMaps = new FakeBlockMaps();
  const copies: CopyProgress[] = [];
  const findings: FoundAt[] = [];
  const elsewhere = new Set(settings.elsewhere);
  const model: Parts = {
    catalogue: new Catalogue(new Pools([pool, fastPool], () => elsewhere), abandoned),
    host: {
      paths: mounts,
      mounts,
      fileSystems: mounts,
      locations,
      devices,
      formatter,
      blockMaps,
      mountIndex: new MountIndex(mounts, mounts),
      nodeKey: async () => undefined,
    },
    copying: {
      copies: new Copies(settings.copySlots ?? 4, (progress) => copies.push(progress)),
      sharing: new SharedReservations(),
    },
    recounts: new Recounts(
      () => model.catalogue,
      (_, work) => work(new AbortController().signal),
      () => 0,
    ),
    holds: new Holds(),
    settings: {
      topology: 'topology' in settings ? settings.topology : here,
      node: { id: 'node-1', volumeLimit: settings.volumeLimit ?? 0 },
      mountPaths: new MountPaths(kubeletDir, realKubeletDir, ['/'], () => [pool.path, fastPool.path]),
      limits: {
        maximumVolumeBytes: settings.maximumVolumeBytes ?? 1024n ** 4n,
        maximumNodeExpansionBytes: settings.maximumNodeExpansionBytes ?? 1024n ** 4n,
        overcommitThousandths: settings.overcommitThousandths ?? 1000n,
      },
      expansion: settings.expansion ?? { byController: true, byNode: true },
      features: { ...noFeatures, ...settings.features },
    },
    onStep,
    onFinding: (subject, found) => findings.push({ ...subject, ...found }),
    configProblem: () => settings.configProblem,
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
      await records.volumes.add(volume, backends[volume.content.backend].emptyContent(volume));
      model.catalogue.volumes.add(volume);
      reserveVolume(placementOf(model.catalogue, volume), volume);
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
      names: new FakeVolumeNames(),
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
    diskReserve: noReserve,
    removals: noRemovals,
    retryRemoval: async () => undefined,
    acceptDisk: async () => false,
    sharesSystemDisk: undefined,
    lost: new AbortController().signal,
    withUnmountSlot: (work) => work(),
    waitOutside: (wait) => wait(new AbortController().signal),
    checkReachable: async () => {},
    usage: () => mounts.usage(path),
    recordedErrors: async () => undefined,
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
    claim: undefined,
    nameTemplate: undefined,
    origin: undefined,
    createdAt: fixedNow.toISOString(),
    deletion: undefined,
    ...changes,
  };
}
