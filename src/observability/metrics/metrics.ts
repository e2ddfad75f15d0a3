import { setImmediate } from 'node:timers/promises';
import { Counter, Gauge, Registry } from 'prom-client';
import type { FinishedCall } from '../../rpc/call-monitor.ts';
import { settlesWithin } from '../../rpc/settles-within.ts';
import { registerCallMetrics } from './call-metrics.ts';
import { contentMetrics } from './content-metrics.ts';
import type { SampledMetric } from './definition.ts';
import { driverMetrics } from './driver-metrics.ts';
import { poolMetrics } from './pool-metrics.ts';
import { registerProcessMetrics } from './process-metrics.ts';
import { type Scrape, type ScrapeSource, scrapeNow } from './scrape.ts';
import { volumeMetrics } from './volume-metrics.ts';

/** Every metric whose values are looked up at each scrape. */
export const sampledMetrics: readonly SampledMetric<Scrape>[] = [
  ...driverMetrics,
  ...poolMetrics,
  ...contentMetrics,
  ...volumeMetrics,
];

// Half of Prometheus' default for a scrape.
const SURVEY_LIMIT_MS = 5000;

/** What the metrics of calls need. */
export interface CallSource {
  readonly driverName: string;
  readonly activeCounts: () => ReadonlyMap<string, number>;
}

/** The metrics of one driver, in a registry of its own. */
export class Metrics {
  /** Counts a call that has ended. */
  readonly countCall: (call: FinishedCall) => void;
  private readonly registry = new Registry();
  private readonly source: ScrapeSource;
  private scraping: Promise<string> | undefined;
  private current: Scrape | undefined;

  constructor(source: ScrapeSource, { driverName, activeCounts }: CallSource) {
    this.source = source;
    this.countCall = registerCallMetrics(this.registry, driverName, activeCounts);
    for (const metric of sampledMetrics) this.register(metric);
    registerProcessMetrics(this.registry);
  }

  get contentType(): string {
    return this.registry.contentType;
  }

  /**
   * All metrics in Prometheus' text format. Concurrent callers share one text. Values that are not known within a few
   * seconds are older, or missing; `csi_hostpath_scrape_incomplete` says so.
   */
  scrape(): Promise<string> {
    this.scraping ??= this.scrapeOnce().finally(() => {
      this.scraping = undefined;
    });
    return this.scraping;
  }

  private async scrapeOnce(): Promise<string> {
    const { surveys, isReady } = this.source;
    // While the driver starts, a survey would open pools in the wrong order.
    const running = isReady() ? surveys.refresh() : [];
    const nowMs = performance.now();
    // A survey that is late already has made an earlier scrape wait.
    const waits = running.map(({ startedAtMs, ended }) =>
      settlesWithin(ended, Math.max(0, startedAtMs + SURVEY_LIMIT_MS - nowMs)),
    );
    await Promise.all(waits);
    this.current = scrapeNow(this.source);
    const texts: string[] = [];
    for (const { name } of this.registry.getMetricsAsArray()) {
      texts.push(await this.registry.getSingleMetricAsString(name));
      // With many volumes each takes a while, and calls come in between.
      await setImmediate();
    }
    this.current = undefined;
    return `${texts.join('\n\n')}\n`;
  }

  private register({ name, type, labels, meaning, samples }: SampledMetric<Scrape>): void {
    const config = { name, help: meaning, labelNames: [...labels], registers: [this.registry] };
    const current = () => (this.current ? samples(this.current) : []);
    if (type === 'gauge') {
      new Gauge({
        ...config,
        collect() {
          this.reset();
          for (const { labels, value } of current()) this.set(labels, value);
        },
      });
    } else {
      new Counter({
        ...config,
        collect() {
          this.reset();
          for (const { labels, value } of current()) this.inc(labels, value);
        },
      });
    }
  }
}
