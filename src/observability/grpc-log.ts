import { format } from 'node:util';
import { setLogger } from '@grpc/grpc-js';
import type { Logger } from './logger.ts';

/**
 * Sends grpc-js's own messages to the driver's log, at debug level: otherwise grpc-js writes to standard error.
 * Everything important in them is also raised as an error.
 */
export function routeGrpcLog(logger: Logger): void {
  const write = (...words: unknown[]) => logger.debug({ from: 'grpc-js' }, format(...words));
  setLogger({ error: write, info: write, debug: write });
}
