import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { cacheDirectory, inProject } from '../../scripts/lib/project.mjs';
import { type Results, replaced } from '../results.ts';
import { boundsChart, timesChart } from './chart.ts';
import { withResults } from './page.ts';

const directory = inProject('docs', 'performance');

/** The committed results. */
export function committedResults(): Results {
  return JSON.parse(readFileSync(join(directory, 'results.json'), 'utf8')) as Results;
}

/** Writes the results of every run, for other programs. */
export function writeLatest(results: Results): void {
  const parent = join(cacheDirectory, 'bench');
  mkdirSync(parent, { recursive: true });
  writeJson(join(parent, 'latest.json'), results);
}

/** Writes the results that are committed, and shows them on their page. Those that a run of some lines lacks stay. */
export function writeCommitted(latest: Results): void {
  const results = replaced(committedResults(), latest);
  writeJson(join(directory, 'results.json'), results);
  writeFileSync(join(directory, 'bounds.svg'), boundsChart(results.results));
  writeFileSync(join(directory, 'times.svg'), timesChart(results.results));
  const page = join(directory, 'README.md');
  writeFileSync(page, withResults(readFileSync(page, 'utf8'), results));
}

function writeJson(path: string, results: Results): void {
  writeFileSync(path, `${JSON.stringify(results, null, 2)}\n`);
}
