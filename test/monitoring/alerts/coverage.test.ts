import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { alertNames } from '../support/rules.ts';

const needsProjectQuota = 'needs project quotas, which only the guest kernel has: test/guest/driver';

/** Alerts without a test that makes their fault, and why. */
const exceptions: Readonly<Record<string, string>> = {
  QuotaBypassed: needsProjectQuota,
  QuotaMisused: needsProjectQuota,
};

test('every alert has a test that makes it fire, or a reason why not', () => {
  const directory = 'test/monitoring/alerts';
  const sources = readdirSync(directory).map((name) => readFileSync(join(directory, name), 'utf8'));
  const calls = sources.flatMap((text) => [...text.matchAll(/\.expect(?:Alert|Firing)\(\s*'(\w+)'/g)]);
  const tested = new Set(calls.map(([, name = '']) => name));
  const names = alertNames();
  expect(names.filter((name) => !tested.has(name))).toEqual(Object.keys(exceptions));
  expect([...tested].filter((name) => !names.includes(name))).toEqual([]);
});
