import type { FlagTable } from './flag.ts';
import { absolutePath, boolean, optional, parsed } from './values.ts';

/** Where an HTTP server listens. */
interface HttpAddress {
  /** A name or an IP address; undefined for all addresses of the machine. */
  readonly host: string | undefined;
  /** 0 for any free port. */
  readonly port: number;
}

/** The paths of the health checks, which cannot be used for anything else. */
const healthPaths: readonly string[] = ['/healthz', '/readyz'];

/**
 * Parses `HOST:PORT`, or `:PORT` for all addresses of the machine, as the CSI sidecars do.
 * @throws Error with a sentence that quotes the text
 */
function parseHttpAddress(text: string): HttpAddress {
  const match = /^(?:\[([0-9a-f:.]+)\]|([^\s:/[\]]*)):(\d{1,5})$/i.exec(text);
  const port = Number(match?.[3]);
  if (!match || port > 65535)
    throw new Error(`${JSON.stringify(text)} must have the form HOST:PORT or :PORT, such as :9808`);
  return { host: match[1] ?? (match[2] || undefined), port };
}

/**
 * Parses the path of the metrics.
 * @throws Error with a sentence that quotes the text
 */
function parseMetricsPath(text: string): string {
  if (!/^\/[\w.~/-]*$/.test(text)) {
    const allowed = 'letters, digits, dashes, dots, underscores, tildes and slashes';
    throw new Error(`${JSON.stringify(text)} must be a path such as /metrics: a slash, then ${allowed}`);
  }
  if (healthPaths.includes(text))
    throw new Error(`${JSON.stringify(text)} is the path of a health check; choose another path`);
  return text;
}

/** Where the commands look for a driver, too. */
export const defaultStatusSocket = '/run/csi-hostpath.sock';

/** The flags of metrics and HTTP health checks. The first two are named as in the CSI sidecars. */
export const monitoringFlags = {
  httpEndpoint: {
    name: 'http-endpoint',
    kind: optional(parsed('ADDRESS', parseHttpAddress)),
    default: '',
    group: 'Monitoring',
    meaning:
      'Where to serve metrics and health checks (/healthz, /readyz) over HTTP, without encryption or authentication: HOST:PORT, or :PORT for all addresses of the machine; empty for nowhere (docs/reference/metrics.md).',
  },
  metricsPath: {
    name: 'metrics-path',
    kind: parsed('URL-PATH', parseMetricsPath),
    default: '/metrics',
    group: 'Monitoring',
    meaning: 'Path of the metrics at --http-endpoint.',
  },
  volumeMetrics: {
    name: 'volume-metrics',
    kind: boolean,
    default: 'true',
    group: 'Monitoring',
    meaning:
      'Include the usage and the health of each volume in the metrics; without, the number of time series does not grow with the number of volumes.',
  },
  statusPage: {
    name: 'status-page',
    kind: boolean,
    default: 'false',
    group: 'Monitoring',
    meaning:
      'Serve a page with pools, volumes, snapshots and problems at / of --http-endpoint, and the same as JSON at /status; everyone who can connect can read it (docs/guides/status.md).',
  },
  statusSocket: {
    name: 'status-socket',
    kind: optional(absolutePath),
    default: defaultStatusSocket,
    group: 'Monitoring',
    meaning:
      'Unix socket, for the user of the driver only, from which the commands status, check and watch read; empty for none (docs/guides/status.md).',
  },
} as const satisfies FlagTable;
