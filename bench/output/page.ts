import type { Results } from '../results.ts';
import { markdownTable } from './table.ts';

const START = '<!-- results: written by `npm run bench -- --write` -->';
const END = '<!-- end of results -->';

/**
 * The page of the results with other results in it.
 * @throws Error if the page lacks the markers that they stand between
 */
export function withResults(page: string, results: Results): string {
  const start = page.indexOf(START);
  const end = page.indexOf(END);
  if (start < 0 || end < start) throw new Error(`the page has no "${START}" before "${END}"`);
  return `${page.slice(0, start + START.length)}\n${resultsText(results)}\n${page.slice(end)}`;
}

function resultsText({ machine, date, results }: Results): string {
  if (results.length === 0) return 'None yet.';
  return [
    `${date}; ${machine}.`,
    '',
    markdownTable(results),
    '',
    '![each ratio in percent of its bound](bounds.svg)',
    '',
    '![times of calls](times.svg)',
  ].join('\n');
}
