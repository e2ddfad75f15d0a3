// What the driver promises about time, measured: `npm run bench` (docs/reference/bench.md). Mounts, so it wants a mount namespace
// of its own; leaves its files for the caller to remove.
import { cpus, release } from 'node:os';
import { type Measurement, measureCopies, PROMISED_RATIO } from './copies.ts';
import { Disk, diskKinds } from './disk.ts';
import { Driver } from './driver.ts';
import { figuresOf, tableHead, tableRow } from './table.ts';

const [directory = '', ...words] = process.argv.slice(2);
const startedAt = performance.now();
try {
  const broken = await bench();
  for (const sentence of broken) console.log(sentence);
  const seconds = Math.round((performance.now() - startedAt) / 1000);
  console.log(
    `\n${broken.length === 0 ? 'All promises are kept' : `${broken.length} promises are broken`}; ${seconds} s.`,
  );
  process.exitCode = broken.length === 0 ? 0 : 1;
} catch (error) {
  console.log(`The benchmark failed: ${error instanceof Error ? error.message : error}`);
  process.exitCode = 1;
}

/** @returns the promises that are broken */
async function bench(): Promise<string[]> {
  const disks: Disk[] = [];
  for (const kind of diskKinds) disks.push(await Disk.make(kind, directory));
  const driver = await Driver.start(directory, disks);
  try {
    const processors = cpus();
    console.log(
      `Linux ${release()}, ${process.arch}, ${processors.length} × ${processors[0]?.model}, Node.js ${process.version}\n`,
    );
    console.log(tableHead);
    const broken: string[] = [];
    for await (const measurement of measureCopies(driver, disks, words)) {
      console.log(tableRow(measurement));
      if (isBroken(measurement)) broken.push(sentenceOf(measurement));
    }
    return broken;
  } finally {
    await driver.stop();
  }
}

function isBroken(measurement: Measurement): boolean {
  return measurement.isPromised && figuresOf(measurement).ratio > PROMISED_RATIO;
}

function sentenceOf(measurement: Measurement): string {
  const { title, operation, contents } = measurement;
  const { ratio } = figuresOf(measurement);
  return `BROKEN: ${title}: a ${operation} with ${contents.large.label} takes ${ratio.toFixed(2)} times as long as with ${contents.small.label}; promised are ${PROMISED_RATIO}.`;
}
