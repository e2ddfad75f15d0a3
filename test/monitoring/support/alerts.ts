import { expect } from 'vitest';
import { eventually } from '../../support/eventually.ts';
import type { ActiveAlert, Prometheus } from './prometheus.ts';
import { withPrefix } from './rules.ts';

export type Labels = Readonly<Record<string, string>>;

/** What makes an alert fire, and what its annotation says to do. */
export interface Trouble {
  readonly fault?: () => unknown;
  /** What happens again and again until the alert fires. */
  readonly goingOn?: () => unknown;
  readonly remedy: () => unknown;
}

// Longer than the driver takes to look at its volumes again: an alert that only lacks a scrape fires again by then.
const UNDISTURBED = 'min(min_over_time(up[6s]))';

// Prometheus evaluates its rules every second.
const asOften = { interval: 200 };

/** The alerts of a Prometheus. */
export class Alerts {
  readonly prometheus: Prometheus;

  constructor(prometheus: Prometheus) {
    this.prometheus = prometheus;
  }

  /** Expects an alert, named without its prefix, to fire when the fault is made, and to be gone after the remedy. */
  async expectAlert(name: string, labels: Labels, { fault, goingOn, remedy }: Trouble): Promise<void> {
    await this.expectNone(name, labels);
    await fault?.();
    await this.expectFiring(name, labels, goingOn);
    await remedy();
    await this.expectNone(name, labels);
  }

  /** Expects a query to have this value before long. */
  async expectValue(expression: string, value: number): Promise<void> {
    const read = async () => (await this.prometheus.query(expression)).map((series) => series.value);
    await eventually(async () => expect(await read(), expression).toEqual([value]), asOften);
  }

  async expectFiring(
    name: string,
    labels: Labels = {},
    goingOn: Trouble['goingOn'] = () => {},
  ): Promise<void> {
    const alert = await eventually(async () => {
      await goingOn();
      const alerts = await this.prometheus.alerts();
      const found = alerts.find((each) => each.state === 'firing' && isThis(each, name, labels));
      if (!found) throw new Error(`${name} ${JSON.stringify(labels)} does not fire; active: ${list(alerts)}`);
      return found;
    }, asOften);
    expectReadable(alert);
  }

  /** Expects an alert not to fire, and not to be about to, while all targets are scraped. */
  async expectNone(name: string, labels: Labels = {}): Promise<void> {
    await eventually(async () => {
      const [up] = await this.prometheus.query(UNDISTURBED);
      if (up?.value !== 1) throw new Error('not every target answers');
      const alerts = await this.prometheus.alerts();
      const active = alerts.filter((each) => isThis(each, name, labels));
      if (active.length > 0) throw new Error(`${name} is active: ${list(active)}`);
    }, asOften);
  }
}

function isThis(alert: ActiveAlert, name: string, labels: Labels): boolean {
  const wanted = Object.entries({ ...labels, alertname: withPrefix(name) });
  return wanted.every(([label, value]) => alert.labels[label] === value);
}

/** Its annotations name the subject, without a placeholder that could not be filled in. */
function expectReadable({ labels, annotations }: ActiveAlert): void {
  const { volume_id, pool, persistentvolumeclaim = '', node = '' } = labels;
  const { summary = '', description = '', remedy = '' } = annotations;
  expect(`${summary}\n${description}\n${remedy}`).not.toMatch(/<no value>|<error|NaN|%!|\{\{/);
  expect([summary, description, remedy]).not.toContain('');
  for (const part of [volume_id || pool || '', persistentvolumeclaim, node]) expect(summary).toContain(part);
}

function list(alerts: readonly ActiveAlert[]): string {
  return JSON.stringify(alerts.map(({ state, labels }) => ({ state, ...labels })));
}
