import { startDriver } from '../../src/driver.ts';
import { type OnStep, passStep } from '../../src/model/steps.ts';
import { LineOutput } from '../../src/observability/line-output.ts';
import { createLogger } from '../../src/observability/logger.ts';
import { parseCommandLine } from '../../src/options.ts';
import type { TestDriver } from './driver-process.ts';

/**
 * Starts a driver in this process, with everything that main.ts starts but the process itself: starting one takes most
 * of the time of most tests. It cannot be killed, and a test that blocks this process blocks it too.
 */
export async function startDriverInProcess(flags: string[], onStep: OnStep = passStep): Promise<TestDriver> {
  const commandLine = parseCommandLine(flags, '0.0.0-test', process.env);
  if (commandLine.kind !== 'run') throw new Error(`not started: ${JSON.stringify(commandLine)}`);
  const { options } = commandLine;
  let log = '';
  const output = new LineOutput((bytes) => {
    log += bytes.toString();
    return bytes.length;
  });
  const logger = await createLogger({ verbosity: options.verbosity, format: options.logFormat }, output);
  const driver = await startDriver(options, { version: '0.0.0-test', logger, onStep });
  let stopping: Promise<void> | undefined;
  const end = () => {
    stopping ??= driver.stop();
    return stopping;
  };
  return {
    endpoint: driver.endpoint,
    monitoringUrl: driver.monitoringUrl,
    log: () => log,
    async stop(signal) {
      if (signal === 'SIGKILL') throw new Error('a driver that is killed must be started with `ownProcess`');
      await end();
      return undefined;
    },
    end,
  };
}
