import { type Server, type ServerWritableStream, status } from '@grpc/grpc-js';
import type { HealthHandlers } from '../generated/grpc/health/v1/Health.ts';
import type { HealthCheckRequest__Output } from '../generated/grpc/health/v1/HealthCheckRequest.ts';
import type { HealthCheckResponse } from '../generated/grpc/health/v1/HealthCheckResponse.ts';
import { healthService } from '../proto.ts';

/** Sets the answers of the health service. */
export interface HealthControl {
  /** Sets the health of the whole server and of each of its services, and notifies all watchers. */
  setServing(serving: boolean): void;
}

type Watcher = ServerWritableStream<HealthCheckRequest__Output, HealthCheckResponse>;

/**
 * Serves grpc.health.v1.Health for the whole server (the empty name) and each of `serviceNames`. All are NOT_SERVING
 * until `setServing(true)`, because the server listens before recovery has finished. A client's Watch call never ends
 * by itself; see LongStreams.
 */
export function addHealthService(
  server: Pick<Server, 'addService'>,
  serviceNames: readonly string[],
): HealthControl {
  const names = new Set(['', ...serviceNames]);
  const watchers = new Set<Watcher>();
  let current: HealthCheckResponse = { status: 'NOT_SERVING' };
  server.addService(healthService, {
    Check({ request: { service } }, reply) {
      if (names.has(service)) reply(null, current);
      else reply({ code: status.NOT_FOUND, details: `unknown service ${JSON.stringify(service)}` });
    },
    List(_call, reply) {
      reply(null, { statuses: Object.fromEntries([...names].map((name) => [name, current])) });
    },
    Watch(call) {
      // A service that is unknown now stays so, but the specification of the service keeps its watchers waiting.
      const isKnown = names.has(call.request.service);
      call.write(isKnown ? current : { status: 'SERVICE_UNKNOWN' });
      if (!isKnown) return;
      watchers.add(call);
      call.once('cancelled', () => watchers.delete(call));
    },
  } satisfies HealthHandlers);
  return {
    setServing(serving) {
      current = { status: serving ? 'SERVING' : 'NOT_SERVING' };
      for (const watcher of watchers) watcher.write(current);
    },
  };
}
