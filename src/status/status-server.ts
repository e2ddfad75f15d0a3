import type { Parts } from '../model/parts.ts';
import { Surveys, type SurveyWork } from '../model/survey/surveys.ts';
import { startHttpServer } from '../observability/http/http-server.ts';
import type { Logger } from '../observability/logger.ts';
import { clearStaleSocket, setSocketAccess } from '../rpc/server/unix-socket.ts';
import { settlesWithin } from '../rpc/settles-within.ts';
import { reportOfDriver } from './driver-report.ts';
import type { DriverReport } from './report.ts';

/** What the status server needs of the driver. */
export interface StatusParts {
  readonly driver: DriverReport;
  readonly model: Parts;
  readonly beginWork: () => SurveyWork;
  readonly logger: Logger;
}

export interface StatusServer {
  close(): Promise<void>;
}

/** Where the report is, as the path of a URL. */
export const statusRoute = '/status';

const socketMode = 0o600;
// What a person waits for; a pool that needs longer is reported as far as it is known.
const SURVEY_LIMIT_MS = 5000;

/**
 * Serves the status of the driver over HTTP on a Unix socket that only the driver's user may enter. A driver works without, so
 * that a failure is logged and nothing more.
 * @returns undefined if it cannot listen
 */
export async function startStatusServer(
  path: string,
  { driver, model, beginWork, logger }: StatusParts,
): Promise<StatusServer | undefined> {
  const onError = (err: unknown) => logger.error({ err }, 'status failed');
  const surveys = new Surveys(model, { includesVolumes: true, beginWork, onError });
  const report = async () => {
    await Promise.all(surveys.refresh().map(({ ended }) => settlesWithin(ended, SURVEY_LIMIT_MS)));
    const body = `${JSON.stringify(reportOfDriver(model, surveys, driver))}\n`;
    return { status: 200, body, contentType: 'application/json' };
  };
  try {
    await clearStaleSocket(path);
    const server = await startHttpServer({
      address: { path },
      routes: new Map([[statusRoute, report]]),
      onError,
    });
    await setSocketAccess(path, { mode: socketMode, groupId: undefined });
    return {
      async close() {
        void surveys.stop();
        await server.close();
      },
    };
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    logger.warn({ path, reason }, 'no status: cannot listen at --status-socket');
    return undefined;
  }
}
