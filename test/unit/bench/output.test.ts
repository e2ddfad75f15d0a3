import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { parseArguments } from '../../../bench/arguments.ts';
import { lines } from '../../../bench/lines.ts';
import type { Measurement } from '../../../bench/measurement.ts';
import { boundsChart, timesChart } from '../../../bench/output/chart.ts';
import { regressionsOf } from '../../../bench/output/compare.ts';
import { withResults } from '../../../bench/output/page.ts';
import { committedResults } from '../../../bench/output/write.ts';
import { type Result, replaced, resultOf } from '../../../bench/results.ts';

const page = readFileSync(new URL('../../../docs/performance/README.md', import.meta.url), 'utf8');
const measurement: Measurement = {
  id: 'create-1',
  title: 'create <durable>',
  against: 'the floor',
  unit: 'µs',
  bound: { atMost: 1.6 },
  pairs: [
    { subject: 3210, reference: 1234 },
    { subject: 3210, reference: 1234 },
  ],
};
const result = resultOf(measurement);

describe('the page of the results', () => {
  it('shows the committed results', () => {
    expect(withResults(page, committedResults())).toBe(page);
  });

  it('shows every number, bound and verdict', () => {
    const shown = withResults(page, { machine: 'a machine', date: '2026-01-02', results: [result] });
    for (const text of ['2026-01-02; a machine', '3210 µs', '1234 µs', '2.60', '≤ 1.6 ×', 'missed by 63 %']) {
      expect(shown).toContain(text);
    }
    expect(withResults(shown, committedResults())).toBe(page);
  });

  it('keeps the results that a run of some lines on the same machine lacks', () => {
    const of = (machine: string, ...results: Result[]) => ({ machine, date: '2026-01-02', results });
    const [other, again] = [
      { ...result, id: 'other' },
      { ...result, subject: 1 },
    ];
    expect(replaced(of('a', result, other), of('a', again)).results).toEqual([again, other]);
    expect(replaced(of('a', other), of('a', result)).results).toEqual([other, result]);
    expect(replaced(of('a', other), of('b', result)).results).toEqual([result]);
  });

  it('refuses a page without its markers', () => {
    expect(() => withResults('# Performance', committedResults())).toThrow('<!-- results');
  });
});

describe('the charts', () => {
  it('show how much of its bound a ratio takes', () => {
    expect(boundsChart([result])).toContain('163 %');
    expect(boundsChart([resultOf({ ...measurement, bound: { atLeast: 5.2 } })])).toContain('200 %');
  });

  it('show the times of both sides', () => {
    expect(timesChart([result])).toContain('3210 µs');
    expect(timesChart([result])).toContain('1234 µs');
  });

  it('escape titles', () => {
    expect(timesChart([result])).toContain('create &lt;durable&gt;');
  });
});

describe('the short form', () => {
  const withRatio = (median: number, bound = result.bound): Result => ({
    ...result,
    bound,
    ratio: { median, lower: median, upper: median },
  });

  it('fails for a ratio that is more than 1.3 × as bad as the committed one', () => {
    expect(regressionsOf([withRatio(2.7)], [withRatio(2)])).toEqual([
      'WORSE: create <durable>: ratio 2.00 → 2.70, 1.35 × as bad; the limit is 1.3 ×',
    ]);
    expect(regressionsOf([withRatio(2.5)], [withRatio(2)])).toEqual([]);
  });

  it('knows which ratios must be high', () => {
    const bound = { atLeast: 5 };
    expect(regressionsOf([withRatio(3, bound)], [withRatio(6, bound)])).toHaveLength(1);
    expect(regressionsOf([withRatio(12, bound)], [withRatio(6, bound)])).toEqual([]);
  });

  it('ignores what was not committed, and what has no bound', () => {
    expect(regressionsOf([withRatio(9)], [])).toEqual([]);
    expect(regressionsOf([withRatio(9, null)], [withRatio(1, null)])).toEqual([]);
  });
});

describe('the command line', () => {
  it('has a directory, lines, and peers', () => {
    expect(parseArguments(['/tmp/x', 'create', '--short', '--peer', 'other=unix:///run/csi.sock'])).toEqual({
      directory: '/tmp/x',
      names: ['create'],
      peers: [{ name: 'other', endpoint: 'unix:///run/csi.sock' }],
      isShort: true,
      isWritten: false,
    });
  });

  it('refuses a peer without a name or a socket', () => {
    expect(() => parseArguments(['/tmp/x', '--peer', 'unix:///run/csi.sock'])).toThrow('NAME=unix:///PATH');
  });

  it('commits results of the full and of the short form', () => {
    for (const isShort of [true, false]) {
      const words = ['/tmp/x', '--write', ...(isShort ? ['--short'] : [])];
      expect(parseArguments(words)).toMatchObject({ isShort, isWritten: true });
    }
  });

  it('selects lines by names that its page explains', () => {
    const reference = readFileSync(new URL('../../../docs/reference/bench.md', import.meta.url), 'utf8');
    for (const { name } of lines) expect(reference).toContain(`| \`${name}\` |`);
  });
});
