import type { HttpReply } from '../../observability/http/http-server.ts';
import type { Reporter } from '../reporter.ts';
import { contentSecurityPolicy, pageOf } from './page.ts';
import { PoolHistory } from './pool-history.ts';

const SAMPLE_INTERVAL_MS = 60 * 1000;

/** The routes of the page. */
export interface StatusPage {
  readonly routes: ReadonlyMap<string, () => Promise<HttpReply>>;
  stop(): void;
}

/** Serves a page and the report behind it, and keeps the use of the pools over the last hour, even while the page is not open. */
export function statusPage(reporter: Reporter): StatusPage {
  const history = new PoolHistory();
  const look = async () => {
    const [report, now] = [await reporter.report(), new Date()];
    history.add(report, now);
    return { report, now };
  };
  // An error is logged by the survey that had it.
  const timer = setInterval(() => void look().catch(() => {}), SAMPLE_INTERVAL_MS).unref();
  return {
    routes: new Map([
      [
        '/',
        async () => {
          const { report, now } = await look();
          return {
            status: 200,
            body: pageOf(report, history, now),
            contentType: 'text/html; charset=utf-8',
            headers: { 'Content-Security-Policy': contentSecurityPolicy, 'Referrer-Policy': 'no-referrer' },
          };
        },
      ],
      ['/status', () => reporter.reply()],
    ]),
    stop: () => clearInterval(timer),
  };
}
