import { poolHealth } from '../../model/health/pool-health.ts';
import type { HealthStatus } from '../../model/objects/finding.ts';
import type { Model } from '../../model/state/model.ts';
import type { NodeGetStorageHealthResponse } from '../../rpc/generated/csi/v1/NodeGetStorageHealthResponse.ts';
import type { StorageHealthErrorType } from '../../rpc/generated/csi/v1/StorageHealthErrorType.ts';
import { healthEntries } from '../health-entries.ts';

const statuses = {
  DATA_LOSS: 'UNKNOWN_STORAGE_HEALTH_ERROR_TYPE',
  INACCESSIBLE: 'STORAGE_UNREACHABLE',
  DEGRADED: 'STORAGE_DEGRADED',
} as const satisfies Record<HealthStatus, StorageHealthErrorType>;

/** Node.NodeGetStorageHealth: the problems of each pool, whether or not they affect volumes. */
export function storageHealthHandler(model: Model) {
  return async (): Promise<NodeGetStorageHealthResponse> => {
    const looks = model.pools.all.map(async (pool) => {
      const { findings, space, leftovers } = await poolHealth(model, pool);
      const all = [...findings, ...space, ...leftovers];
      for (const each of all) model.onFinding({ pool: pool.name }, each);
      return all;
    });
    const findings = (await Promise.all(looks)).flat();
    return {
      backend_health: healthEntries(findings).map(({ status, reason, message }) => ({
        status: statuses[status],
        reason,
        message,
      })),
    };
  };
}
