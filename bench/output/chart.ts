import type { Result } from '../results.ts';
import type { Bound } from '../verdict.ts';
import { valueText } from './table.ts';

const WIDTH = 900;
const LABEL_WIDTH = 360;
const VALUE_WIDTH = 120;
const BAR_WIDTH = WIDTH - LABEL_WIDTH - VALUE_WIDTH;
const ROW_HEIGHT = 22;
const TOP = 34;
// A ratio far beyond its bound would make all other bars too short to compare.
const LONGEST_SHARE = 4;
const colors = {
  kept: '#2e7d32',
  missed: '#c62828',
  noise: '#ef6c00',
  driver: '#1565c0',
  reference: '#9e9e9e',
};

interface Bar {
  readonly label: string;
  readonly value: number;
  readonly valueText: string;
  readonly color: string;
}

/** How near each ratio is to its bound: a bar that crosses the line misses it. */
export function boundsChart(results: readonly Result[]): string {
  const bars = results.flatMap(({ title, ratio, bound, unit, verdict }): Bar[] => {
    if (!bound || unit === 'count') return [];
    const value = usedShare(ratio.median, bound);
    const length = Math.min(value, LONGEST_SHARE);
    return [
      { label: title, value: length, valueText: `${Math.round(value * 100)} %`, color: colorOf(verdict) },
    ];
  });
  return chart('Ratios, in percent of their bounds', bars, 1);
}

/** How long the driver's calls take, and what they are compared with. */
export function timesChart(results: readonly Result[]): string {
  const bars = results
    .filter(({ unit }) => unit === 'µs')
    .flatMap(({ title, subject, against, reference, unit }): Bar[] => [
      { label: title, value: subject, valueText: valueText(subject, unit), color: colors.driver },
      { label: against, value: reference, valueText: valueText(reference, unit), color: colors.reference },
    ]);
  return chart('Times of calls', bars);
}

function colorOf(verdict: string): string {
  if (verdict === 'kept') return colors.kept;
  return verdict.startsWith('noise') ? colors.noise : colors.missed;
}

function usedShare(ratio: number, bound: Bound): number {
  return 'atMost' in bound ? ratio / bound.atMost : bound.atLeast / ratio;
}

function chart(title: string, bars: readonly Bar[], line?: number): string {
  const height = TOP + bars.length * ROW_HEIGHT + 8;
  const scale = BAR_WIDTH / Math.max(line ?? 0, ...bars.map(({ value }) => value), Number.MIN_VALUE);
  const rows = bars.map((bar, index) => row(bar, TOP + index * ROW_HEIGHT, bar.value * scale));
  const limit =
    line === undefined
      ? []
      : [
          `<line x1="${x(line * scale)}" x2="${x(line * scale)}" y1="${TOP - 6}" y2="${height - 6}" stroke="#000"/>`,
        ];
  return `${[
    `<svg xmlns="http://www.w3.org/2000/svg" width="${WIDTH}" height="${height}" font-family="sans-serif" font-size="12">`,
    `<title>${escaped(title)}</title>`,
    `<rect width="${WIDTH}" height="${height}" fill="#fff"/>`,
    `<text x="8" y="20" font-size="15">${escaped(title)}</text>`,
    ...rows,
    ...limit,
    '</svg>',
  ].join('\n')}\n`;
}

function row({ label, valueText, color }: Bar, top: number, width: number): string {
  const middle = top + ROW_HEIGHT / 2 + 4;
  return [
    `<text x="${LABEL_WIDTH - 8}" y="${middle}" text-anchor="end">${escaped(label)}</text>`,
    `<rect x="${LABEL_WIDTH}" y="${top + 3}" width="${width.toFixed(1)}" height="${ROW_HEIGHT - 6}" fill="${color}"/>`,
    `<text x="${x(width + 6)}" y="${middle}">${escaped(valueText)}</text>`,
  ].join('\n');
}

function x(offset: number): string {
  return (LABEL_WIDTH + offset).toFixed(1);
}

function escaped(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');
}
