import pino from 'pino';
import { expect, test } from 'vitest';
import type { CopyProgress } from '../../../src/model/state/copies.ts';
import { copyLogger } from '../../../src/observability/health-log.ts';

const { info, warn } = pino.levels.values;

test('a waiting copy names the file that it waits for', () => {
  const written: string[] = [];
  const log = copyLogger(pino({ base: null }, { write: (line) => void written.push(line) }));
  log({ id: 's-1', from: 'v-1', state: 'waiting', file: '/a\nb', copiedBytes: 0n, durationMs: 1 });
  expect(written.map((line): unknown => JSON.parse(line))).toMatchObject([
    { level: info, msg: 'copy waiting', file: '/a\nb' },
  ]);
});

test.each<[CopyProgress['state'], number | undefined, string]>([
  ['started', info, 'copy started'],
  ['running', info, 'copy running'],
  ['done', info, 'copy done'],
  ['failed', warn, 'copy failed'],
])('a copy that has %s is one line: its target, source, size and duration', (state, level, msg) => {
  const written: string[] = [];
  const log = copyLogger(pino({ base: null }, { write: (line) => void written.push(line) }));
  log({ id: 's-1', from: 'v-1', state, copiedBytes: 2n ** 60n, durationMs: 1234.5678 });
  expect(written.map((line): unknown => JSON.parse(line))).toEqual([
    {
      level,
      msg,
      time: expect.any(Number),
      id: 's-1',
      from: 'v-1',
      copiedBytes: '1152921504606846976',
      durationMs: 1235,
    },
  ]);
});
