import { join } from 'node:path';
import { directoryNameOf } from '../model/objects/object-id.ts';
import type { Volume } from '../model/objects/volume.ts';
import type { Parts } from '../model/parts.ts';
import type { Pool } from '../model/ports/pool.ts';
import type { KnownMount } from '../model/state/mount-index.ts';
import type { KnownState, Surveys } from '../model/survey/surveys.ts';
import { poolLayout } from '../records/pool-layout.ts';
import {
  describeFinding,
  describeGroup,
  describeInodes,
  describeRetained,
  describeSnapshot,
  describeSpace,
  describeVolume,
} from './describe-objects.ts';
import type {
  CopyReport,
  DamagedReport,
  DriverReport,
  JobReport,
  MountReport,
  PoolReport,
  RemovalReport,
  StatusReport,
  VolumeReport,
} from './report.ts';

type ReportParts = Parts<'catalogue' | 'host' | 'copying'>;

/** What a running driver knows. */
export function reportOfDriver(
  parts: ReportParts,
  surveys: Pick<Surveys, 'known'>,
  driver: DriverReport,
): StatusReport {
  const { catalogue } = parts;
  const known = new Map(catalogue.pools.all.map(({ name }) => [name, surveys.known(name)]));
  return {
    formatVersion: 1,
    driver,
    pools: catalogue.pools.all.map((pool) => describePool(parts, pool, known.get(pool.name))),
    volumes: catalogue.volumes.all().map((volume) => reportOfVolume(parts, volume, known.get(volume.pool))),
    snapshots: catalogue.snapshots.all().map(describeSnapshot),
    groupSnapshots: catalogue.groups.all().map(describeGroup),
    retained: catalogue.retained
      .all()
      .map((volume) => describeRetained(volume, retainedDirectory(parts, volume))),
    damaged: damagedIn(parts),
    jobs: jobsIn(parts),
  };
}

function describePool({ catalogue }: ReportParts, pool: Pool, known: KnownState | undefined): PoolReport {
  const isReachable = known?.isReachable;
  const usage = known?.usage;
  const inodes = describeInodes(usage?.inodes);
  const countIn = (all: readonly { readonly pool: string }[]) =>
    all.filter((each) => each.pool === pool.name).length;
  return {
    name: pool.name,
    id: pool.id,
    path: pool.path,
    ...(isReachable === undefined ? {} : { isReachable }),
    isComplete: known?.isComplete ?? false,
    ...(isReachable ? abilitiesOf(pool) : {}),
    ...(usage ? { space: describeSpace(usage.bytes) } : {}),
    ...(inodes ? { inodes } : {}),
    ...(known?.provisionableBytes === undefined
      ? {}
      : { provisionableBytes: Number(known.provisionableBytes) }),
    volumeCount: countIn(catalogue.volumes.all()),
    snapshotCount: countIn(catalogue.snapshots.all()),
    findings: (known?.findings ?? []).map(describeFinding),
  };
}

function abilitiesOf(
  pool: Pool,
): Partial<Pick<PoolReport, 'directories' | 'sharesBlocks' | 'reservedBytes'>> {
  try {
    const { directories, sharesBlocks } = pool.abilities;
    return {
      directories: directories.backend,
      sharesBlocks,
      reservedBytes: Number(pool.account.reservedBytes),
    };
  } catch {
    // Its disk has just disappeared.
    return {};
  }
}

function reportOfVolume(parts: ReportParts, volume: Volume, known: KnownState | undefined): VolumeReport {
  const state = known?.volume(volume.id);
  const inodes = describeInodes(state?.usage?.inodes);
  return {
    ...describeVolume(volume),
    ...(state?.usage ? { usedBytes: Number(state.usage.bytes.used) } : {}),
    ...(inodes ? { inodes } : {}),
    mounts: parts.host.mountIndex.mountsOf(volume.id).flatMap(describeMount),
    findings: (state?.findings ?? []).map(describeFinding),
  };
}

const mountKinds = { staging: 'staged', target: 'published', found: 'found', inside: 'found' } as const;

/** None for a mount that is being made. */
function describeMount({ path, mountId, use, since }: KnownMount): MountReport[] {
  if (mountId === undefined) return [];
  return [{ path, kind: mountKinds[use.kind], ...(since ? { since: since.toISOString() } : {}) }];
}

function retainedDirectory({ catalogue }: ReportParts, volume: Volume): string {
  return join(poolLayout(catalogue.pools.of(volume).path).retained, directoryNameOf(volume.id));
}

function damagedIn({ catalogue: { volumes, retained, snapshots, groups } }: ReportParts): DamagedReport[] {
  return [
    ...[...volumes.allDamaged(), ...retained.allDamaged()].map((each) => ({
      kind: 'volume' as const,
      ...each,
    })),
    ...snapshots.allDamaged().map((each) => ({ kind: 'snapshot' as const, ...each })),
    ...groups.allDamaged().map((each) => ({ kind: 'group snapshot' as const, ...each })),
  ].map(({ kind, id, pool, reason }) => ({ kind, id, pool, reason }));
}

function jobsIn({ catalogue, copying }: ReportParts): JobReport[] {
  const copies = copying.copies.running.map(
    ({ id, from, pool, copiedBytes, expectedBytes, isWaiting }): CopyReport => ({
      kind: 'copy',
      pool,
      id,
      from,
      copiedBytes: Number(copiedBytes),
      ...(expectedBytes === undefined ? {} : { expectedBytes: Number(expectedBytes) }),
      isWaiting,
    }),
  );
  const removals = catalogue.pools.all.flatMap(({ name, removals }): RemovalReport[] =>
    removals.pendingCount === 0
      ? []
      : [{ kind: 'removal', pool: name, directoryCount: removals.pendingCount, stuck: removals.stuck }],
  );
  return [...copies, ...removals];
}
