import type { Finding } from '../model/objects/finding.ts';
import type { GroupSnapshot, Snapshot } from '../model/objects/snapshot.ts';
import { intendedFsType, isBlock, isCapacityEnforced, type Volume } from '../model/objects/volume.ts';
import { contextOf } from '../model/objects/volume-context.ts';
import type { Usage } from '../model/ports/file-systems-port.ts';
import type {
  FindingReport,
  GroupReport,
  InodesReport,
  RetainedReport,
  SnapshotReport,
  SpaceReport,
  VolumeReport,
} from './report.ts';

/** What the record of an object says, as it is reported. */

export function describeVolume(volume: Volume): Omit<VolumeReport, 'mounts' | 'findings'> {
  const { id, name, claim, pool, content, capacityBytes, source, createdAt, accessModes, mutable, inline } =
    volume;
  const fsType = content.backend === 'image' ? intendedFsType(content.use) : undefined;
  return {
    id,
    ...(name === undefined ? {} : { name }),
    ...(claim ? { claim } : {}),
    pool,
    backend: content.backend,
    mode: isBlock(content) ? 'Block' : 'Filesystem',
    ...(fsType ? { fsType } : {}),
    sizeBytes: Number(capacityBytes),
    isSizeEnforced: isCapacityEnforced(content),
    ...(source ? { source } : {}),
    createdAt,
    onDelete: mutable.onDelete,
    accessModes,
    context: contextOf(volume),
    isInline: inline !== undefined,
  };
}

export function describeSnapshot(snapshot: Snapshot): SnapshotReport {
  const { id, name, pool, sourceVolumeId, groupId, sizeBytes, createdAt } = snapshot;
  return {
    id,
    ...(name === undefined ? {} : { name }),
    pool,
    sourceVolumeId,
    ...(groupId === undefined ? {} : { groupId }),
    sizeBytes: Number(sizeBytes),
    createdAt,
  };
}

export function describeGroup({ id, name, pool, snapshots, createdAt }: GroupSnapshot): GroupReport {
  return { id, name, pool, snapshotIds: snapshots.map((snapshot) => snapshot.id), createdAt };
}

export function describeRetained(
  { id, name, claim, pool, capacityBytes, mutable, deletion }: Volume,
  directory: string,
): RetainedReport {
  return {
    id,
    ...(name === undefined ? {} : { name }),
    ...(claim ? { claim } : {}),
    pool,
    sizeBytes: Number(capacityBytes),
    directory,
    onDelete: mutable.onDelete,
    ...(deletion ? { deletedAt: deletion.at } : {}),
    ...(deletion?.expiresAt === undefined ? {} : { expiresAt: deletion.expiresAt }),
  };
}

export function describeFinding({ reason, status, message }: Finding): FindingReport {
  return { reason, status, message };
}

export function describeSpace({ total, used, available }: Usage): SpaceReport {
  return { totalBytes: Number(total), usedBytes: Number(used), availableBytes: Number(available) };
}

/** Undefined for a file system that makes inodes as they are needed. */
export function describeInodes(usage: Usage | undefined): InodesReport | undefined {
  return usage && usage.total > 0n ? { total: Number(usage.total), used: Number(usage.used) } : undefined;
}
