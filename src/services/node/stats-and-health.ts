import { existingVolume } from '../../model/find/find-object.ts';
import { nodeVolumeHealth } from '../../model/health/node-health.ts';
import { configFindings, poolFindings, poolHealth } from '../../model/health/pool-health.ts';
import { notMountedAt, volumeStats } from '../../model/health/volume-stats.ts';
import type { HealthStatus } from '../../model/objects/finding.ts';
import type { Parts } from '../../model/parts.ts';
import type { Usage } from '../../model/ports/file-systems-port.ts';
import type { StorageHealthErrorType } from '../../rpc/generated/csi/v1/StorageHealthErrorType.ts';
import type { VolumeUsage } from '../../rpc/generated/csi/v1/VolumeUsage.ts';
import { healthEntries, volumeHealthMessage } from '../health-entries.ts';
import { required } from '../requests.ts';
import type { NodeMethod } from './node.ts';

/** Node.NodeGetVolumeStats: bytes and inodes. */
export function volumeStatsMethod(
  parts: Parts<'catalogue' | 'host' | 'recounts' | 'holds' | 'settings'>,
): NodeMethod<'NodeGetVolumeStats'> {
  return {
    async handle(request) {
      const volumeId = required('volume_id', request.volume_id);
      const path = required('volume_path', request.volume_path);
      const volume = await existingVolume(parts.catalogue, volumeId);
      // Nothing is ever mounted at a relative path, and the specification has a code for "not found" (NOT_FOUND).
      if (!path.startsWith('/')) throw notMountedAt(volume, path);
      const { bytes, inodes } = await volumeStats(
        parts,
        volume,
        parts.settings.mountPaths.resolve('volume_path', path),
      );
      return {
        usage: [usageMessage('BYTES', bytes), ...(inodes ? [usageMessage('INODES', inodes)] : [])],
      };
    },
  };
}

function usageMessage(unit: 'BYTES' | 'INODES', { total, used, available }: Usage): VolumeUsage {
  return { unit, total: total.toString(), used: used.toString(), available: available.toString() };
}

/** Node.NodeGetVolumeHealth: also without a path, for problems that the driver can find itself. */
export function volumeHealthMethod(
  parts: Parts<'catalogue' | 'host' | 'recounts' | 'holds' | 'settings' | 'onFinding'>,
): NodeMethod<'NodeGetVolumeHealth'> {
  return {
    async handle(request) {
      const volumeId = required('volume_id', request.volume_id);
      const resolve = (field: 'staging_target_path' | 'volume_publish_path') =>
        request[field] === '' ? undefined : parts.settings.mountPaths.resolve(field, request[field]);
      const health = await nodeVolumeHealth(parts, volumeId, () => ({
        stagingPath: resolve('staging_target_path'),
        publishPath: resolve('volume_publish_path'),
      }));
      return { volume_health: volumeHealthMessage(parts.onFinding, health) };
    },
  };
}

const statuses = {
  DATA_LOSS: 'UNKNOWN_STORAGE_HEALTH_ERROR_TYPE',
  INACCESSIBLE: 'STORAGE_UNREACHABLE',
  DEGRADED: 'STORAGE_DEGRADED',
} as const satisfies Record<HealthStatus, StorageHealthErrorType>;

/** Node.NodeGetStorageHealth: the problems of each pool, whether or not they affect volumes, and of the configuration. */
export function storageHealthMethod(
  parts: Parts<'catalogue' | 'host' | 'onFinding' | 'configProblem'>,
): NodeMethod<'NodeGetStorageHealth'> {
  return {
    async handle() {
      const checks = parts.catalogue.pools.all.map(async (pool) => {
        const all = poolFindings(await poolHealth(parts.host, pool));
        for (const each of all) parts.onFinding({ pool: pool.name }, each);
        return all;
      });
      const findings = [...(await Promise.all(checks)).flat(), ...configFindings(parts.configProblem())];
      return {
        backend_health: healthEntries(findings).map(({ status, reason, message }) => ({
          status: statuses[status],
          reason,
          message,
        })),
      };
    },
  };
}
