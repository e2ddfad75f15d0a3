import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { errno, isErrno } from '../kernel/calls/errno.ts';
import { withPath } from '../kernel/calls/path-handle.ts';
import { fileSystemOf } from '../kernel/calls/statfs.ts';
import { endOf } from '../kernel/devices/loop-list.ts';
import { containerOn } from '../kernel/devices/open-container.ts';
import { VolumeError } from '../model/errors.ts';
import { directoryNameOf, idOfDirectory } from '../model/objects/object-id.ts';
import type { RecordedObject } from '../model/objects/object-index.ts';
import { defaultPoolName } from '../model/ports/pool.ts';
import { acceptCommand, findMoved } from '../pools/directory/accept-disk.ts';
import type { RememberedPool } from '../pools/directory/pool-marker.ts';
import { PoolRegistry } from '../pools/directory/pool-registry.ts';
import { readOwnFile } from '../records/durable-file.ts';
import { type PoolLayout, poolLayout } from '../records/pool-layout.ts';
import {
  groupRecords,
  type RecordKind,
  retainedRecords,
  snapshotRecords,
  volumeRecords,
} from '../records/record-kinds.ts';
import { describeGroup, describeRetained, describeSnapshot, describeVolume } from './describe-objects.ts';
import { type HostState, readHostState } from './host-state.ts';
import type {
  DamagedReport,
  FindingReport,
  MountReport,
  PoolReport,
  SpaceReport,
  StatusReport,
} from './report.ts';

/**
 * What the disks say while no driver runs: the records of all pools that were used with a state directory, and the mounts of
 * this host. Changes nothing, and takes no lock: a driver may start at any time.
 * @throws Error with a sentence: there is no state directory at this path, or its list of pools cannot be read
 */
export async function reportOfDisk(stateDir: string): Promise<StatusReport> {
  const layout = poolLayout(stateDir);
  const registry = new PoolRegistry(stateDir);
  const remembered = await registry.read();
  if (remembered.length === 0) {
    throw new Error(`${stateDir} is not a state directory: it has no ${layout.registry}`);
  }
  const host = readHostState();
  const pools = await Promise.all(
    remembered.map((pool) =>
      reportOfPool(pool.name === defaultPoolName ? { ...pool, path: stateDir } : pool, registry, host),
    ),
  );
  return {
    formatVersion: 1,
    pools: pools.map(({ pool }) => pool),
    volumes: pools.flatMap(({ volumes }) => volumes),
    snapshots: pools.flatMap(({ snapshots }) => snapshots),
    groupSnapshots: pools.flatMap(({ groupSnapshots }) => groupSnapshots),
    retained: pools.flatMap(({ retained }) => retained),
    damaged: pools.flatMap(({ damaged }) => damaged),
    jobs: [],
  };
}

type ContentsReport = Pick<StatusReport, 'volumes' | 'snapshots' | 'groupSnapshots' | 'retained' | 'damaged'>;

async function reportOfPool(
  { name, path, poolId: id }: RememberedPool,
  registry: PoolRegistry,
  host: HostState,
): Promise<ContentsReport & { readonly pool: PoolReport }> {
  const layout = poolLayout(path);
  const damaged: DamagedReport[] = [];
  const read = async <Item extends RecordedObject>(kind: RecordKind<Item>, as: DamagedReport['kind']) => {
    const contents = await readRecords(kind, layout, name);
    damaged.push(...contents.damaged.map((each) => ({ kind: as, pool: name, ...each })));
    return contents.found;
  };
  const volumes = await read(volumeRecords, 'volume');
  const retained = await read(retainedRecords, 'volume');
  const groups = await read(groupRecords, 'group snapshot');
  const snapshots = [
    ...(await read(snapshotRecords, 'snapshot')),
    ...groups.flatMap((group) => group.snapshots),
  ];
  const space = await spaceOf(layout.marker);
  const moved = space && (await findMoved({ name, path }, registry).catch(undefinedIfUnknown));
  return {
    pool: {
      name,
      id,
      path,
      isReachable: space !== undefined,
      ...(space ? { space } : {}),
      volumeCount: volumes.length,
      snapshotCount: snapshots.length,
      findings: moved ? [movedFinding(name, path, registry)] : [],
    },
    volumes: volumes.map((volume) => ({
      ...describeVolume(volume),
      mounts: mountsOf(directoryNameOf(volume.id), host),
      findings: [],
    })),
    snapshots: snapshots.map(describeSnapshot),
    groupSnapshots: groups.map(describeGroup),
    retained: retained.map((volume) =>
      describeRetained(volume, join(layout.retained, directoryNameOf(volume.id))),
    ),
    damaged,
  };
}

function movedFinding(name: string, path: string, registry: PoolRegistry): FindingReport {
  const command = acceptCommand(name, registry.path);
  const message = `${path} has the pool, on another file system than before, so that a driver does not use it. If this is not an old copy, run: ${command}`;
  return { reason: 'PoolUnreachable', status: 'INACCESSIBLE', message };
}

/** A marker that is not the pool's, or is damaged. */
function undefinedIfUnknown(error: unknown): undefined {
  if (!(error instanceof VolumeError)) throw error;
}

/** The records of one kind in a pool; none if its disk is not mounted. */
async function readRecords<Item extends RecordedObject>(
  kind: RecordKind<Item>,
  layout: PoolLayout,
  pool: string,
): Promise<{ found: Item[]; damaged: { id: string; reason: string }[] }> {
  const directory = layout[kind.directoryName];
  const found: Item[] = [];
  const damaged: { id: string; reason: string }[] = [];
  for (const name of await namesIn(directory)) {
    try {
      const text = await readOwnFile(join(directory, name, kind.recordName));
      found.push(kind.inPool(kind.decode(text), pool));
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error);
      damaged.push({ id: idOfDirectory(name), reason: `${kind.recordName}: ${reason}` });
    }
  }
  return { found, damaged };
}

async function namesIn(directory: string): Promise<string[]> {
  return readdir(directory).catch((error: unknown) => {
    if (isErrno(error, errno.ENOENT, errno.ENOTDIR)) return [];
    throw error;
  });
}

/** The space of a pool's disk; undefined if it is not mounted, so that its marker is not there. */
async function spaceOf(marker: string): Promise<SpaceReport | undefined> {
  try {
    const { totalBytes, freeBytes, availableBytes } = await withPath(marker, fileSystemOf);
    return {
      totalBytes: Number(totalBytes),
      usedBytes: Number(totalBytes - freeBytes),
      availableBytes: Number(availableBytes),
    };
  } catch (error) {
    if (isErrno(error, errno.ENOENT, errno.ENOTDIR, errno.ELOOP)) return undefined;
    throw error;
  }
}

/** The mounts of a volume by the name of its directory, which no other volume has. */
function mountsOf(directoryName: string, { mounts, loops }: HostState): MountReport[] {
  const image = `${directoryName}/image`;
  const devices = loops
    .filter(({ backingPath }) => endOf(backingPath) === image)
    .map(({ path }) => containerOn(path, image)?.path ?? path);
  return mounts
    .filter(({ root, source }) => `${root}/`.includes(`/${directoryName}/data/`) || devices.includes(source))
    .map(({ path }) => ({ path, kind: 'found' }));
}
