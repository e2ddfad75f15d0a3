import pino from 'pino';
import { expect, test } from 'vitest';
import { finding } from '../../../src/model/objects/finding.ts';
import { findingLogger } from '../../../src/observability/health-log.ts';

const { info, warn, error } = pino.levels.values;
const MINUTE = 60_000;

/** A log of findings, and a clock for it. */
function logOf() {
  const written: string[] = [];
  const clock = { nowMs: 0 };
  const logger = pino({ base: null }, { write: (line: string) => void written.push(line) });
  const log = findingLogger(logger, () => clock.nowMs);
  return { log, clock, lines: () => written.map((line) => JSON.parse(line) as Record<string, unknown>) };
}

const volume = { volumeId: 'v' };
const message = `volume "v" has lost its data: ${'x'.repeat(500)}`;

test.each([
  ['DataMissing', error],
  ['NotMounted', warn],
  ['NearlyOutOfSpace', info],
] as const)('a finding is one line with its full sentence, at a matching level: %s', (reason, level) => {
  const { log, lines } = logOf();
  const found = finding(reason, message);
  log(volume, found);
  const { status } = found;
  expect(lines()).toEqual([
    { level, time: expect.any(Number), msg: 'unhealthy', volumeId: 'v', status, reason, finding: message },
  ]);
});

test('a known finding is not logged again, even if its numbers change', () => {
  const { log, clock, lines } = logOf();
  for (const left of [5, 4, 3]) {
    log(volume, finding('NearlyOutOfSpace', `volume "v" has ${left} of 100 bytes left`));
    clock.nowMs += 59 * MINUTE;
  }
  expect(lines()).toHaveLength(1);
});

test('a finding that returns after an hour is logged again', () => {
  const { log, clock, lines } = logOf();
  log(volume, finding('DataMissing', message));
  clock.nowMs += 61 * MINUTE;
  log(volume, finding('DataMissing', message));
  expect(lines()).toHaveLength(2);
});

test('another volume, reason, sentence, path or pool is another finding', () => {
  const { log, lines } = logOf();
  const problem = 'volume "v" is not mounted';
  const notMounted = (path: string) => finding('NotMounted', `${problem} at "${path}"`, { problem, path });
  for (let time = 0; time < 2; time++) {
    log(volume, notMounted('/a'));
    log(volume, notMounted('/b'));
    log({ volumeId: 'w' }, notMounted('/a'));
    log(volume, finding('NotAttached', 'volume "v" has no device'));
    log(volume, finding('CapacityNotEnforced', 'quotas are off; run: one command'));
    log(volume, finding('CapacityNotEnforced', 'its qgroup is missing; run: another command'));
    log({ pool: 'p' }, finding('PoolReadOnly', 'pool "p" is read-only'));
    log({ pool: 'q' }, finding('PoolReadOnly', 'pool "q" is read-only'));
  }
  expect(lines()).toHaveLength(8);
});

test('the memory is limited', () => {
  const { log, lines } = logOf();
  for (let index = 0; index <= 50_000; index++) log({ volumeId: `${index}` }, finding('DataMissing', 'gone'));
  log({ volumeId: '50000' }, finding('DataMissing', 'gone'));
  expect(lines()).toHaveLength(50_001);
  log({ volumeId: '0' }, finding('DataMissing', 'gone'));
  expect(lines()).toHaveLength(50_002);
});
