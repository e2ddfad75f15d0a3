import { format } from 'node:util';
import { setLogger } from '@grpc/grpc-js';
import type { Logger } from './logger.ts';

/**
 * Sends what grpc-js says of itself to the driver's log, at debug level: it writes to standard error otherwise,
 * and what matters of it comes back as an error as well.
 */
export function routeGrpcLog(logger: Logger): void {
  const write = (...words: unknown[]) => logger.debug({ from: 'grpc-js' }, format(...words));
  setLogger({ error: write, info: write, debug: write });
}
