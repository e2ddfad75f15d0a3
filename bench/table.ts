import { type Measurement, PROMISED_RATIO } from './copies.ts';

const WIDTHS = [32, 9, 6, 6, 12, 7, 6, 14, 8];

/** A measurement in numbers. */
export interface Figures {
  readonly smallMs: number;
  readonly largeMs: number;
  /** Of the two medians. */
  readonly ratio: number;
  /** Of single rounds. */
  readonly leastRatio: number;
  readonly greatestRatio: number;
}

export function figuresOf({ timings }: Measurement): Figures {
  const smallMs = median(timings.map(({ small }) => small));
  const largeMs = median(timings.map(({ large }) => large));
  const ratios = timings.map(({ small, large }) => large / small);
  return {
    smallMs,
    largeMs,
    ratio: largeMs / smallMs,
    leastRatio: Math.min(...ratios),
    greatestRatio: Math.max(...ratios),
  };
}

export const tableHead = `${row([
  'volumes',
  'operation',
  'little',
  'ms',
  'much',
  'ms',
  'ratio',
  'min..max',
  'promised',
])}\n${row(
  WIDTHS.map(() => ''),
  '-',
)}`;

/** A measurement as a row of the table. */
export function tableRow(measurement: Measurement): string {
  const { title, operation, contents, isPromised } = measurement;
  const { smallMs, largeMs, ratio, leastRatio, greatestRatio } = figuresOf(measurement);
  return row([
    title,
    operation,
    contents.small.label,
    smallMs.toFixed(1),
    contents.large.label,
    largeMs.toFixed(1),
    ratio.toFixed(2),
    `${leastRatio.toFixed(2)}..${greatestRatio.toFixed(2)}`,
    isPromised ? `≤ ${PROMISED_RATIO}` : '',
  ]);
}

function row(cells: readonly string[], filler = ' '): string {
  return `|${cells.map((cell, index) => filler + cell.padEnd(WIDTHS[index] ?? 0, filler) + filler).join('|')}|`;
}

function median(values: readonly number[]): number {
  const sorted = [...values].sort((one, other) => one - other);
  const middle = sorted.slice(Math.ceil(sorted.length / 2) - 1, Math.floor(sorted.length / 2) + 1);
  return middle.reduce((sum, value) => sum + value, 0) / middle.length;
}
