import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { cacheDirectory, inProject } from '../../scripts/lib/project.mjs';
import { type Results, replaced } from '../results.ts';
import { boundsChart, timesChart } from './chart.ts';
import { withResults } from './page.ts';

const directory = inProject('docs', 'performance');

const FULL = 'results.json';
/** Smaller amounts give other ratios, so that the short form has results of its own to be compared with. */
const SHORT = 'short.json';

/** The committed results of the lines in full. */
export function committedResults(): Results {
  return readJson(FULL);
}

/** The committed results of the short form. */
export function committedShort(): Results {
  return readJson(SHORT);
}

/** Writes the results of every run, for other programs. */
export function writeLatest(results: Results): void {
  const parent = join(cacheDirectory, 'bench');
  mkdirSync(parent, { recursive: true });
  writeJson(join(parent, 'latest.json'), results);
}

/** Writes the results of the short form that are committed. Those that a run of some lines lacks stay. */
export function writeCommittedShort(latest: Results): void {
  writeJson(join(directory, SHORT), replaced(committedShort(), latest));
}

/** The same for the lines in full, which are shown on their page. */
export function writeCommitted(latest: Results): void {
  const results = replaced(committedResults(), latest);
  writeJson(join(directory, FULL), results);
  writeFileSync(join(directory, 'bounds.svg'), boundsChart(results.results));
  writeFileSync(join(directory, 'times.svg'), timesChart(results.results));
  const page = join(directory, 'README.md');
  writeFileSync(page, withResults(readFileSync(page, 'utf8'), results));
}

function readJson(name: string): Results {
  return JSON.parse(readFileSync(join(directory, name), 'utf8')) as Results;
}

function writeJson(path: string, results: Results): void {
  writeFileSync(path, `${JSON.stringify(results, null, 2)}\n`);
}
