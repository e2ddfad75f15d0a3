import { expect } from 'vitest';
import type { TestDriver } from '../driver-process.ts';
import { type ParsedMetric, parseMetrics } from './parse-metrics.ts';

/** The flag for a driver that serves metrics on any free port. */
export const withMetrics = '--http-endpoint=127.0.0.1:0';

/** The metrics of one scrape. */
export class ScrapedMetrics {
  readonly text: string;
  readonly all: ReadonlyMap<string, ParsedMetric>;

  constructor(text: string) {
    this.text = text;
    this.all = parseMetrics(text);
  }

  /** The value of the series with these labels among others; undefined if there is none. */
  value(name: string, labels: Readonly<Record<string, string>> = {}): number | undefined {
    const found = this.series(name, labels);
    if (found.length > 1) throw new Error(`${name}${JSON.stringify(labels)} is ambiguous`);
    return found[0]?.value;
  }

  series(name: string, labels: Readonly<Record<string, string>> = {}): ParsedMetric['samples'] {
    const metric = this.all.get(name) ?? this.all.get(name.replace(/_(?:bucket|sum|count)$/, ''));
    const wanted = Object.entries(labels);
    return (metric?.samples ?? []).filter(
      (sample) => sample.name === name && wanted.every(([label, text]) => sample.labels[label] === text),
    );
  }

  /** The health reasons of a volume; of a pool, if there is no volume. */
  reasons(labels: Readonly<Record<string, string>>): string[] {
    const found = this.series('csi_hostpath_health', { volume_id: '', ...labels });
    return found.map((sample) => sample.labels['reason'] ?? '').sort();
  }
}

type Served = Pick<TestDriver, 'monitoringUrl'>;

/** Gets a path of the driver's HTTP server. */
export function get({ monitoringUrl }: Served, path: string, init: RequestInit = {}): Promise<Response> {
  return fetch(`${monitoringUrl}${path}`, init);
}

export async function scrape(driver: Served, path = '/metrics'): Promise<ScrapedMetrics> {
  const response = await get(driver, path);
  const text = await response.text();
  expect({ status: response.status, type: response.headers.get('content-type') }, text).toEqual({
    status: 200,
    type: 'text/plain; version=0.0.4; charset=utf-8',
  });
  return new ScrapedMetrics(text);
}

/** Scrapes until the values are new enough to meet an expectation: they are looked up every few seconds. */
export async function scrapeUntil(
  driver: Served,
  isThere: (metrics: ScrapedMetrics) => boolean,
): Promise<ScrapedMetrics> {
  for (;;) {
    const metrics = await scrape(driver);
    if (isThere(metrics)) return metrics;
  }
}
