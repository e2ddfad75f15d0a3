import { resolve } from 'node:path';
import { type Endpoint, formatEndpoint } from '../rpc/endpoint.ts';

/** Where a process listens and where it passes calls on to; one that is itself a mistake is absent. */
interface ProxyFlags {
  readonly endpoint?: Endpoint | undefined;
  readonly proxyEndpoint?: Endpoint | undefined;
}

/** What is wrong with the two endpoints of a proxy that the command line alone shows, a sentence each. */
export function proxyConflicts({ endpoint, proxyEndpoint }: ProxyFlags): readonly string[] {
  if (endpoint === undefined || proxyEndpoint === undefined || !isSame(endpoint, proxyEndpoint)) return [];
  const place = JSON.stringify(formatEndpoint(proxyEndpoint));
  return [`--proxy-endpoint: ${place} is --endpoint itself: calls would be passed round in a circle`];
}

/** Whether two endpoints are one, whichever way a path is written. Symbolic links are not looked at. */
function isSame(one: Endpoint, other: Endpoint): boolean {
  return placeOf(one) === placeOf(other);
}

function placeOf(endpoint: Endpoint): string {
  return formatEndpoint(endpoint.kind === 'unix' ? { ...endpoint, path: resolve(endpoint.path) } : endpoint);
}
