import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { onTestFinished } from 'vitest';
import { stringify } from 'yaml';
import { prometheusPath } from '../../../scripts/lib/go/prometheus.mjs';
import { eventually } from '../../support/eventually.ts';
import { scratchDirectory } from '../../support/scratch.ts';

/** The job of all targets. */
export const JOB = 'csi-hostpath';

/** A program that is scraped. */
export interface Target {
  readonly address: string;
  /** The labels that the scrape configuration gives it. */
  readonly labels: Readonly<Record<string, string>>;
}

/** A time series at one moment. */
export interface Series {
  readonly labels: Readonly<Record<string, string>>;
  readonly value: number;
}

/** An alert whose expression holds. */
export interface ActiveAlert {
  readonly state: 'pending' | 'firing';
  readonly labels: Readonly<Record<string, string>>;
  readonly annotations: Readonly<Record<string, string>>;
}

/** A running Prometheus, which scrapes every two seconds and evaluates every second. */
export class Prometheus {
  private readonly url: string;

  constructor(url: string) {
    this.url = url;
  }

  /** The result of a query now. */
  async query(expression: string): Promise<Series[]> {
    const { result } = await this.get<{ result: Result[] }>(
      `query?${new URLSearchParams({ query: expression })}`,
    );
    return result.map(({ metric, value: [, value] }) => ({ labels: metric, value: Number(value) }));
  }

  /** The names of all metrics that it has had values of. */
  async metricNames(): Promise<string[]> {
    return this.get<string[]>('label/__name__/values');
  }

  async alerts(): Promise<ActiveAlert[]> {
    return (await this.get<{ alerts: ActiveAlert[] }>('alerts')).alerts;
  }

  private async get<Data>(path: string): Promise<Data> {
    const response = await fetch(`${this.url}/api/v1/${path}`);
    const { status, data, error } = (await response.json()) as { status: string; data: Data; error?: string };
    if (status !== 'success') throw new Error(`Prometheus refuses ${decodeURIComponent(path)}: ${error}`);
    return data;
  }
}

interface Result {
  readonly metric: Record<string, string>;
  readonly value: [number, string];
}

/** Starts a Prometheus for one test. @param rules the text of a file of rules */
export async function startPrometheus(targets: readonly Target[], rules: string): Promise<Prometheus> {
  const directory = scratchDirectory();
  const [config, rulesFile] = [join(directory, 'prometheus.yaml'), join(directory, 'rules.yaml')];
  writeFileSync(rulesFile, rules);
  writeFileSync(config, configuration(targets, rulesFile));
  const flags = [
    `--config.file=${config}`,
    `--storage.tsdb.path=${join(directory, 'data')}`,
    '--web.listen-address=127.0.0.1:0',
  ];
  // It must not outlive the tests, however they end.
  const child = spawn('setpriv', ['--pdeathsig', 'KILL', prometheusPath, ...flags], {
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  const exit = once(child, 'close');
  onTestFinished(async () => {
    child.kill('SIGKILL');
    await exit;
  });
  let log = '';
  child.stderr.setEncoding('utf8').on('data', (text: string) => (log += text));
  return eventually(() => {
    const [, address] = /msg="Listening on".* address=(127\.0\.0\.1:\d+)/.exec(log) ?? [];
    if (address === undefined || !log.includes('Server is ready')) throw new Error(`Prometheus: ${log}`);
    return new Prometheus(`http://${address}`);
  });
}

function configuration(targets: readonly Target[], rulesFile: string): string {
  return stringify({
    // A busy machine may take long for a scrape.
    global: { scrape_interval: '2s', scrape_timeout: '2s', evaluation_interval: '1s' },
    rule_files: [rulesFile],
    scrape_configs: [
      {
        job_name: JOB,
        honor_labels: true,
        static_configs: targets.map(({ address, labels }) => ({ targets: [address], labels })),
      },
    ],
  });
}
