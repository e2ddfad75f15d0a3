import { logListening } from './listening.ts';
import { forwardedCallLogger } from './observability/call-log.ts';
import type { Logger } from './observability/logger.ts';
import type { ProxyOptions } from './options.ts';
import { startProxyServer } from './rpc/proxy/proxy-server.ts';
import { formatEndpoint } from './rpc/server/endpoint.ts';
import { groupIdOf } from './rpc/server/unix-socket.ts';

/** A proxy that forwards calls. */
export interface RunningProxy {
  /** The endpoint that it listens on, as users write it. */
  readonly endpoint: string;
  /** Finishes the calls in progress, within the drain timeout. */
  stop(): Promise<void>;
}

/**
 * Creates the parts of a proxy and starts forwarding calls.
 * @throws Error with a sentence for the operator
 */
export async function startProxy(
  options: ProxyOptions,
  { version, logger }: { readonly version: string; readonly logger: Logger },
): Promise<RunningProxy> {
  const server = await startProxyServer({
    endpoint: options.endpoint,
    socketAccess: { mode: options.socketMode, groupId: await groupIdOf(options.socketGroup) },
    target: options.proxyEndpoint,
    onFinished: forwardedCallLogger(logger),
  });
  const proxyEndpoint = formatEndpoint(options.proxyEndpoint);
  const endpoint = logListening(logger, server.endpoint, { proxyEndpoint, version });
  return {
    endpoint,
    async stop() {
      const isDrained = await server.drain(options.drainTimeoutMs);
      if (!isDrained)
        logger.warn({ drainTimeoutMs: options.drainTimeoutMs }, 'drain timed out with calls in progress');
      logger.info('stopped');
    },
  };
}
