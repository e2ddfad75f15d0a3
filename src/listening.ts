import type { Logger } from './observability/logger.ts';
import { type Endpoint, formatEndpoint, isRemote } from './rpc/server/endpoint.ts';

/**
 * Logs where a driver or proxy listens, and warns if other machines can connect.
 * @returns the endpoint as users write it
 */
export function logListening(logger: Logger, listening: Endpoint, details: object): string {
  const endpoint = formatEndpoint(listening);
  logger.info({ endpoint, ...details }, 'listening');
  if (isRemote(listening)) {
    logger.warn(
      { endpoint },
      'TCP endpoint without encryption or authentication: every client that can connect controls the driver',
    );
  }
  return endpoint;
}
