import { resolve } from 'node:path';
import { type Endpoint, formatEndpoint } from '../rpc/endpoint.ts';

/**
 * The endpoint that a process listens on and the one that it forwards calls to; a value that is itself a mistake is
 * absent.
 */
interface ProxyFlags {
  readonly endpoint?: Endpoint | undefined;
  readonly proxyEndpoint?: Endpoint | undefined;
}

/** Mistakes about the two endpoints of a proxy that are visible on the command line alone, a sentence each. */
export function proxyConflicts({ endpoint, proxyEndpoint }: ProxyFlags): readonly string[] {
  if (endpoint === undefined || proxyEndpoint === undefined || !isSame(endpoint, proxyEndpoint)) return [];
  const place = JSON.stringify(formatEndpoint(proxyEndpoint));
  return [`--proxy-endpoint: ${place} is --endpoint itself: calls would be passed round in a circle`];
}

/** Whether two endpoints are the same, however a path is written. Symbolic links are not resolved. */
function isSame(one: Endpoint, other: Endpoint): boolean {
  return placeOf(one) === placeOf(other);
}

function placeOf(endpoint: Endpoint): string {
  return formatEndpoint(endpoint.kind === 'unix' ? { ...endpoint, path: resolve(endpoint.path) } : endpoint);
}
