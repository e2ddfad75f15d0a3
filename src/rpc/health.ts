import type { Server } from '@grpc/grpc-js';
import { HealthImplementation } from 'grpc-health-check';

/** Sets what the health service answers. */
export interface HealthControl {
  /** Sets the health of the server as a whole and of each of its services, and tells all watchers. */
  setServing(serving: boolean): void;
}

/**
 * Serves grpc.health.v1.Health for the server as a whole (the empty name) and each of `serviceNames`.
 * All are NOT_SERVING until `setServing(true)`, for the server listens before recovery has finished.
 * A client's Watch call never ends by itself; see LongStreams.
 */
export function addHealthService(
  server: Pick<Server, 'addService'>,
  serviceNames: readonly string[],
): HealthControl {
  const health = new HealthImplementation();
  const setServing = (serving: boolean): void => {
    const status = serving ? 'SERVING' : 'NOT_SERVING';
    for (const name of ['', ...serviceNames]) health.setStatus(name, status);
  };
  setServing(false);
  // All it does with the server is to add itself.
  health.addToServer(server as Server);
  return { setServing };
}
