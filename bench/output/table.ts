import type { Result } from '../results.ts';
import { boundText } from '../verdict.ts';

const WIDTHS = [52, 12, 49, 12, 7, 8, 26] as const;
const HEAD = ['what', 'driver', 'compared with', '', 'ratio', 'bound', 'verdict'];

export const tableHead = `${row(HEAD)}\n${row(
  WIDTHS.map(() => ''),
  '-',
)}`;

/** A result as a row of the table. */
export function tableRow(result: Result): string {
  return row(cellsOf(result));
}

/** The table in Markdown. */
export function markdownTable(results: readonly Result[]): string {
  const lines = [HEAD, WIDTHS.map(() => '---'), ...results.map(cellsOf)];
  return lines.map((cells) => `| ${cells.join(' | ')} |`).join('\n');
}

function cellsOf({ title, subject, against, reference, unit, ratio, bound, verdict }: Result): string[] {
  const comparison = unit === 'count' ? ['', ''] : [valueText(reference, unit), ratio.median.toFixed(2)];
  return [title, valueText(subject, unit), against, ...comparison, boundText(bound ?? undefined), verdict];
}

export function valueText(value: number, unit: Result['unit']): string {
  const digits = value < 10 ? 2 : value < 100 ? 1 : 0;
  return unit === 'count' ? String(value) : `${value.toFixed(digits)} ${unit}`;
}

function row(cells: readonly string[], filler = ' '): string {
  return `|${cells.map((cell, index) => filler + cell.padEnd(WIDTHS[index] ?? 0, filler) + filler).join('|')}|`;
}
