// The built driver with places to die: run with the flags of the driver, and STOP_FILE set to the path of a file. If
// the file says "kill" and the name of a step, the process kills itself there; with "hold" it waits there, until the
// file says something else. The driver's own program contains none of this.
import { readFileSync, writeFileSync } from 'node:fs';
import { setTimeout } from 'node:timers/promises';
import { startDriver } from '../../dist/driver.js';
import { createLogger } from '../../dist/observability/logger.js';
import { parseCommandLine } from '../../dist/options.js';
import { standardOutput } from '../../dist/standard-output.js';

const POLL_MS = 5;
const STANDARD_ERROR = 2;

const stopFile = process.env.STOP_FILE ?? '';
await main();

async function main() {
  const commandLine = parseCommandLine(process.argv.slice(2), 'test');
  if (commandLine.kind !== 'run') throw new Error(JSON.stringify(commandLine));
  const { options } = commandLine;
  const driver = await startDriver(options, {
    version: 'test',
    logger: await createLogger(
      { verbosity: options.verbosity, format: 'json' },
      await standardOutput(STANDARD_ERROR),
    ),
    onStep,
  });
  process.on('SIGTERM', () => void driver.stop().then(() => process.exit()));
  process.send?.({ listening: driver.endpoint });
}

async function onStep(step) {
  if (said() === `kill ${step}`) process.kill(process.pid, 'SIGKILL');
  if (said() !== `hold ${step}`) return;
  writeFileSync(`${stopFile}.held`, step);
  while (said() === `hold ${step}`) await setTimeout(POLL_MS);
}

function said() {
  try {
    return readFileSync(stopFile, 'utf8');
  } catch {
    return '';
  }
}
