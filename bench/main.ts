// The driver's speed, measured: `npm run bench` (docs/reference/bench.md). Mounts, so it wants a mount namespace of its own; leaves
// its files for the caller to remove.
import { join } from 'node:path';
import { cacheDirectory } from '../scripts/lib/project.mjs';
import { type Arguments, parseArguments } from './arguments.ts';
import { Bench } from './bench.ts';
import { lines } from './lines.ts';
import type { Line } from './measurement.ts';
import { regressionsOf } from './output/compare.ts';
import { tableHead, tableRow } from './output/table.ts';
import { committedShort, writeCommitted, writeCommittedShort, writeLatest } from './output/write.ts';
import { type Result, type Results, resultOf, resultsOf } from './results.ts';

const cache = join(cacheDirectory, 'bench');
const startedAt = performance.now();

try {
  const args = parseArguments(process.argv.slice(2));
  const results = resultsOf(await measureAll(args), new Date());
  writeLatest(results);
  if (args.isWritten) (args.isShort ? writeCommittedShort : writeCommitted)(results);
  const seconds = Math.round((performance.now() - startedAt) / 1000);
  console.log(`\n${summaryOf(results)}; ${seconds} s.`);
  if (args.isShort && !args.isWritten) failIfWorse(results.results);
} catch (error) {
  console.log(`The benchmark failed: ${error instanceof Error ? error.stack : error}`);
  process.exitCode = 1;
}

async function measureAll({ directory, names, peers, isShort }: Arguments): Promise<Result[]> {
  const programs = {
    client: join(cache, 'client'),
    floor: join(cache, 'floor'),
    driver: join(cache, 'bundle', 'main.js'),
  };
  const bench = new Bench({ directory, programs, peers, isShort });
  const results: Result[] = [];
  try {
    console.log(`${resultsOf([], new Date()).machine}\n\n${tableHead}`);
    for (const line of chosenLines(names, isShort)) {
      try {
        for await (const measurement of line.measure(bench)) {
          const result = resultOf(measurement);
          console.log(tableRow(result));
          results.push(result);
        }
      } catch (error) {
        // The others are worth having.
        console.log(`The line ${line.name} failed: ${error instanceof Error ? error.stack : error}`);
        process.exitCode = 1;
        await bench.stop();
      }
    }
    return results;
  } finally {
    await bench.stop();
  }
}

function chosenLines(names: readonly string[], isShort: boolean): readonly Line[] {
  const unknown = names.find((name) => !lines.some((line) => line.name === name));
  if (unknown !== undefined) {
    throw new Error(`unknown line "${unknown}"; expected one of ${lines.map(({ name }) => name).join(', ')}`);
  }
  if (names.length > 0) return lines.filter(({ name }) => names.includes(name));
  return isShort ? lines.filter((line) => line.isShort) : lines;
}

function summaryOf({ results }: Results): string {
  const count = (start: string) => results.filter(({ verdict }) => verdict.startsWith(start)).length;
  return `${count('kept')} kept, ${count('missed')} missed, ${count('noise')} decided by noise`;
}

function failIfWorse(results: readonly Result[]): void {
  const regressions = regressionsOf(results, committedShort().results);
  for (const sentence of regressions) console.log(sentence);
  if (regressions.length > 0) process.exitCode = 1;
}
