import { join } from 'node:path';
import { onTestFinished } from 'vitest';
import { type ForwardedCall, startProxyServer } from '../../../../src/rpc/proxy/proxy-server.ts';
import type { Endpoint } from '../../../../src/rpc/server/endpoint.ts';
import type { RunningServer } from '../../../../src/rpc/server/server.ts';
import { temporaryDirectory } from '../../temporary-directory.ts';

/** A proxy, its upstream, and the calls it has reported. */
export interface ProxyInTest extends RunningServer {
  readonly target: Endpoint;
  readonly finished: readonly ForwardedCall[];
}

/** Starts a proxy for one test; the upstream is up to the test. */
export async function startProxy(target = newSocket(), endpoint = newSocket()): Promise<ProxyInTest> {
  const finished: ForwardedCall[] = [];
  const proxy = await startProxyServer({
    endpoint,
    socketAccess: { mode: 0o600, groupId: undefined },
    target,
    onFinished: (call) => finished.push(call),
  });
  onTestFinished(async () => {
    await proxy.drain(0);
  });
  return { ...proxy, target, finished };
}

/** A socket in a directory of its own. */
export function newSocket(): Endpoint {
  return { kind: 'unix', path: join(temporaryDirectory(), 's') };
}
