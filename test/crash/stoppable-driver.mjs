// The driver with a place to die: run with the flags of the driver and STOP_AT set to the name of a step, where
// the process kills itself. Nothing of this is in the driver's own program.
import { startDriver } from '../../src/driver.ts';
import { createLogger } from '../../src/observability/logger.ts';
import { parseCommandLine } from '../../src/options.ts';

const commandLine = parseCommandLine(process.argv.slice(2), 'test');
if (commandLine.kind !== 'run') throw new Error(JSON.stringify(commandLine));
const { options } = commandLine;
const driver = await startDriver(options, {
  version: 'test',
  logger: createLogger({ verbosity: options.verbosity, format: 'json' }),
  onStep: (step) => {
    if (step === process.env['STOP_AT']) process.kill(process.pid, 'SIGKILL');
  },
});
process.on('SIGTERM', () => void driver.stop().then(() => process.exit()));
process.send?.({ listening: driver.endpoint });
