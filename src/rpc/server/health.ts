import type { Server } from '@grpc/grpc-js';
import { HealthImplementation } from 'grpc-health-check';

/** Sets the answers of the health service. */
export interface HealthControl {
  /** Sets the health of the whole server and of each of its services, and notifies all watchers. */
  setServing(serving: boolean): void;
}

/**
 * Serves grpc.health.v1.Health for the whole server (the empty name) and each of `serviceNames`. All are NOT_SERVING
 * until `setServing(true)`, because the server listens before recovery has finished. A client's Watch call never ends
 * by itself; see LongStreams.
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
  // addToServer uses only `addService`.
  health.addToServer(server as Server);
  return { setServing };
}
