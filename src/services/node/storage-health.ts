import type { NodeGetStorageHealthResponse } from '../../rpc/generated/csi/v1/NodeGetStorageHealthResponse.ts';
import type { StorageHealthErrorType } from '../../rpc/generated/csi/v1/StorageHealthErrorType.ts';
import type { HealthStatus } from '../../volume/health/finding.ts';
import { poolHealth } from '../../volume/health/pool-health.ts';
import type { Model } from '../../volume/model.ts';
import { healthEntries } from '../health-entries.ts';

const statuses = {
  DATA_LOSS: 'UNKNOWN_STORAGE_HEALTH_ERROR_TYPE',
  INACCESSIBLE: 'STORAGE_UNREACHABLE',
  DEGRADED: 'STORAGE_DEGRADED',
} as const satisfies Record<HealthStatus, StorageHealthErrorType>;

/** Node.NodeGetStorageHealth: what is wrong with each pool, whatever it is used for. */
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
