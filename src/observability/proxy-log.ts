import { status } from '@grpc/grpc-js';
import type { ForwardedCall } from '../rpc/proxy/proxy-server.ts';
import { codeName } from '../rpc/status.ts';
import { callLevel } from './call-level.ts';
import type { Logger } from './logger.ts';

/**
 * Logs each forwarded call in one line: path, code and duration. The content is unknown here, and the upstream logs its
 * own reasons for errors. Successful calls are logged at the level of `callLevel`.
 */
export function forwardedCallLogger(logger: Logger): (call: ForwardedCall) => void {
  return ({ path, code, durationMs, reason }) => {
    const line = {
      path,
      code: codeName(code),
      durationMs: Math.round(durationMs * 100) / 100,
      ...(reason === undefined ? {} : { reason }),
    };
    if (code !== status.OK) logger.warn(line, 'call refused');
    else logger[callLevel(path)](line, 'call');
  };
}
