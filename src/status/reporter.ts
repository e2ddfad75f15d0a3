import type { Parts } from '../model/parts.ts';
import { Surveys, type SurveyWork } from '../model/survey/surveys.ts';
import type { HttpReply } from '../observability/http/http-server.ts';
import type { Logger } from '../observability/logger.ts';
import { settlesWithin } from '../rpc/settles-within.ts';
import { reportOfDriver } from './driver-report.ts';
import type { DriverReport, StatusReport } from './report.ts';

/** What reports need of the driver. */
export interface ReporterParts {
  readonly driver: DriverReport;
  readonly model: Parts;
  readonly beginWork: () => SurveyWork;
  readonly logger: Logger;
}

// What a person waits for; a pool that needs longer is reported as far as it is known.
const SURVEY_LIMIT_MS = 5000;

/** Reports of a running driver, for readers that share what a survey has found out. */
export class Reporter {
  private readonly model: Parts;
  private readonly driver: DriverReport;
  private readonly surveys: Surveys;

  constructor({ driver, model, beginWork, logger }: ReporterParts) {
    this.model = model;
    this.driver = driver;
    const onError = (err: unknown) => logger.error({ err }, 'status failed');
    this.surveys = new Surveys(model, { includesVolumes: true, beginWork, onError });
  }

  async report(): Promise<StatusReport> {
    const running = this.surveys.refresh();
    await Promise.all(running.map(({ ended }) => settlesWithin(ended, SURVEY_LIMIT_MS)));
    return reportOfDriver(this.model, this.surveys, this.driver);
  }

  /** The same as a reply over HTTP. */
  async reply(): Promise<HttpReply> {
    return {
      status: 200,
      body: `${JSON.stringify(await this.report())}\n`,
      contentType: 'application/json',
    };
  }

  /** Has the next report find out everything anew, since something has just been changed. */
  renew(): void {
    this.surveys.renew();
  }

  /** Starts no more surveys. Those of a hung pool end when its disk answers. */
  stop(): void {
    void this.surveys.stop();
  }
}
