import type { Parts } from './model/parts.ts';
import { Surveys, type SurveyWork } from './model/survey/surveys.ts';
import { type HttpReply, startHttpServer } from './observability/http/http-server.ts';
import type { Logger } from './observability/logger.ts';
import { Metrics } from './observability/metrics/metrics.ts';
import type { Options } from './options.ts';
import type { CallMonitor, FinishedCall } from './rpc/call-monitor.ts';
import type { StatusPage } from './status/page/status-page.ts';

/** What monitoring needs of the driver. */
export interface MonitoringParts {
  readonly version: string;
  readonly model: Parts;
  readonly monitor: Pick<CallMonitor, 'activeCounts'>;
  readonly beginWork: () => SurveyWork;
  readonly logger: Logger;
  /** Undefined without a page. */
  readonly page: StatusPage | undefined;
}

/** The metrics and health checks of a driver, served over HTTP. */
export interface Monitoring {
  /** Where they are served, as a URL. */
  readonly url: string;
  countCall(call: FinishedCall): void;
  /** The driver serves calls from now on. */
  setReady(): void;
  /** The driver accepts no more calls. */
  setStopping(): void;
  close(): Promise<void>;
}

/**
 * Serves metrics and health checks. Until `setReady`, the driver counts as starting.
 * @throws Error that names the flag if it cannot listen
 */
export async function startMonitoring(
  { host, port }: NonNullable<Options['httpEndpoint']>,
  { metricsPath, volumeMetrics, driverName }: Options,
  { version, model, monitor, beginWork, logger, page }: MonitoringParts,
): Promise<Monitoring> {
  const onError = (err: unknown) => logger.error({ err }, 'monitoring failed');
  let obstacle: string | undefined = 'starting: the pools are being opened';
  const surveys = new Surveys(model, { includesVolumes: volumeMetrics, beginWork, onError });
  const isReady = () => obstacle === undefined;
  const metrics = new Metrics(
    { parts: model, version, isReady, surveys, includesVolumes: volumeMetrics },
    { driverName, activeCounts: () => monitor.activeCounts },
  );
  const routes = new Map<string, () => HttpReply | Promise<HttpReply>>([
    [
      metricsPath,
      async () => ({ status: 200, body: await metrics.scrape(), contentType: metrics.contentType }),
    ],
    ['/healthz', () => ({ status: 200, body: 'ok\n' })],
    ['/readyz', () => ({ status: isReady() ? 200 : 503, body: `${obstacle ?? 'ok'}\n` })],
    ...(page ? servedWhen(isReady, page) : []),
  ]);
  const server = await startHttpServer({ address: { host, port }, routes, onError }).catch(
    (error: unknown) => {
      const reason = error instanceof Error ? error.message : String(error);
      throw new Error(
        `--http-endpoint: cannot listen on ${JSON.stringify(`${host ?? ''}:${port}`)}: ${reason}`,
        {
          cause: error,
        },
      );
    },
  );
  logger.info({ url: server.url, metricsPath }, 'serving metrics and health checks');
  return {
    url: server.url,
    countCall: metrics.countCall,
    setReady() {
      obstacle = undefined;
    },
    setStopping() {
      obstacle = 'stopping: waiting for calls in progress';
      page?.stop();
      // Those of a hung pool end when its disk answers.
      void surveys.stop();
    },
    close: () => server.close(),
  };
}

/** The routes of the page; while the driver starts, a survey would open pools in the wrong order. */
function servedWhen(isReady: () => boolean, { routes }: StatusPage): [string, () => Promise<HttpReply>][] {
  const notReady = async () => ({ status: 503, body: 'the driver is starting or stopping; try again\n' });
  return [...routes].map(([path, route]) => [path, () => (isReady() ? route() : notReady())]);
}
