import { readFileSync } from 'node:fs';
import { parse, stringify } from 'yaml';

/** The file of rules that users load into Prometheus. */
export const rulesPath = 'deploy/monitoring/alerts.yaml';

// What takes an hour then takes a minute.
const SPEED = 60;
// Enough for a few scrapes.
const SHORTEST_SECONDS = 10;
const secondsIn: Readonly<Record<string, number>> = { s: 1, m: 60, h: 3600, d: 86_400 };

interface Rule {
  alert: string;
  expr: string;
  for: string;
}

interface Rules {
  readonly groups: readonly { readonly rules: readonly Rule[] }[];
}

/** The names of all alerts, without their prefix. */
export function alertNames(): string[] {
  return rulesOf(readRules()).map(({ alert }) => withoutPrefix(alert));
}

/** The rules for a test: they wait for a second, and look back less far. */
export function hastenedRules(): string {
  const rules = readRules();
  for (const rule of rulesOf(rules)) {
    rule.for = '1s';
    rule.expr = hastened(rule.expr);
  }
  return stringify(rules);
}

function readRules(): Rules {
  return parse(readFileSync(rulesPath, 'utf8')) as Rules;
}

function rulesOf({ groups }: Rules): Rule[] {
  return groups.flatMap(({ rules }) => rules);
}

/** An expression with shorter ranges. */
function hastened(expression: string): string {
  return expression.replaceAll(/\[(\d+)([smhd])\]/g, (_, count: string, unit: string) => {
    const seconds = (Number(count) * (secondsIn[unit] ?? Number.NaN)) / SPEED;
    return `[${Math.max(seconds, SHORTEST_SECONDS)}s]`;
  });
}

const PREFIX = 'CSIHostpath';

export const withPrefix = (name: string): string => `${PREFIX}${name}`;

function withoutPrefix(name: string): string {
  if (!name.startsWith(PREFIX))
    throw new Error(`the name of the alert ${name} does not begin with ${PREFIX}`);
  return name.slice(PREFIX.length);
}
