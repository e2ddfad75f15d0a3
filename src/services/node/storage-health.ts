import type { NodeGetStorageHealthResponse } from '../../rpc/generated/csi/v1/NodeGetStorageHealthResponse.ts';
import type { StorageHealthErrorType } from '../../rpc/generated/csi/v1/StorageHealthErrorType.ts';
import type { HealthStatus } from '../../volume/health/finding.ts';
import { poolHealth } from '../../volume/health/pool-health.ts';
import type { Model } from '../../volume/model.ts';

const statuses = {
  DATA_LOSS: 'UNKNOWN_STORAGE_HEALTH_ERROR_TYPE',
  INACCESSIBLE: 'STORAGE_UNREACHABLE',
  DEGRADED: 'STORAGE_DEGRADED',
} as const satisfies Record<HealthStatus, StorageHealthErrorType>;

/** Node.NodeGetStorageHealth: what is wrong with each pool, whatever it is used for. */
export function storageHealthHandler(model: Model) {
  return async (): Promise<NodeGetStorageHealthResponse> => {
    const pools = await Promise.all(model.pools.all.map((pool) => poolHealth(model, pool)));
    const findings = pools.flatMap((pool) => [...pool.findings, ...pool.space, ...pool.leftovers]);
    return {
      backend_health: findings.map(({ status, reason, message }) => ({
        status: statuses[status],
        reason,
        message,
      })),
    };
  };
}
