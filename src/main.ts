import { readFileSync } from 'node:fs';
import { ConfigFileError } from './config/config-error.ts';
import type { Driver } from './driver.ts';
import { limitHeapGrowth } from './kernel/process/heap.ts';
import { unsupportedHostReason } from './kernel/process/host.ts';
import { passStep } from './model/steps.ts';
import { routeGrpcLog } from './observability/grpc-log.ts';
import type { LineOutput } from './observability/line-output.ts';
import { createLogger, type Logger } from './observability/logger.ts';
import { type Options, type ProxyOptions, parseCommandLine } from './options.ts';
import { PoolConfigError } from './pools/directory/pool-errors.ts';
import { type RunningProxy, startProxy } from './proxy.ts';
import { standardOutput } from './standard-output.ts';

const STANDARD_OUTPUT = 1;
const STANDARD_ERROR = 2;
const EXIT_FAILURE = 1;
/** The command line or the configuration file is invalid by itself, or does not fit the pools on disk. */
const EXIT_USAGE = 2;

await main();

async function main(): Promise<void> {
  const [command] = process.argv.slice(2);
  // The driver has flags only.
  if (command !== undefined && !command.startsWith('-')) return runCli(process.argv.slice(2));
  const version = packageVersion();
  const commandLine = parseCommandLine(process.argv.slice(2), version, process.env);
  switch (commandLine.kind) {
    case 'help':
    case 'version':
      (await standardOutput(STANDARD_OUTPUT)).write(`${commandLine.text}\n`);
      return;
    case 'invalid':
      await fail([...commandLine.errors, 'Run with --help for the flags.'].join('\n'), EXIT_USAGE);
      return;
    case 'run':
      await run(commandLine.options, version);
      return;
    case 'proxy':
      await runProxy(commandLine.options, version);
  }
}

async function run(options: Options, version: string): Promise<void> {
  const reason = unsupportedHostReason();
  if (reason !== undefined) return fail(reason);
  // Not imported earlier, because on other systems resolving its system calls would fail.
  const { ensureThreads } = await import('./kernel/process/threads.ts');
  ensureThreads();
  const { startDriver } = await import('./driver.ts');
  // Not earlier, because it changes V8's flags: V8 would compile Node's own modules again instead of taking what was
  // compiled with other flags.
  limitHeapGrowth();
  await serve(options, (logger) => startDriver(options, { version, logger, onStep: passStep }));
}

/** A command that looks at a driver, such as `status`. */
async function runCli(words: readonly string[]): Promise<void> {
  const { parseCommand } = await import('./cli/command-line.ts');
  const { runCommand } = await import('./cli/main.ts');
  const { terminal } = await import('./cli/terminal.ts');
  const stopped = new AbortController();
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => stopped.abort());
  process.exitCode = await runCommand(parseCommand(words), terminal(stopped.signal));
}

/** A proxy mounts nothing and stores nothing, so any user can run it on any system. */
async function runProxy(options: ProxyOptions, version: string): Promise<void> {
  await serve(options, (logger) => startProxy(options, { version, logger }));
}

async function serve(
  { verbosity, logFormat }: Pick<Options, 'verbosity' | 'logFormat'>,
  start: (logger: Logger) => Promise<Driver | RunningProxy>,
): Promise<void> {
  // Sockets and directories are accessible only to the driver until their mode is set.
  process.umask(0o077);
  const output = await standardOutput(STANDARD_ERROR);
  const logger = await createLogger({ verbosity, format: logFormat }, output);
  routeGrpcLog(logger);
  logFaults(logger);
  const running = await start(logger).catch((error: unknown) => {
    logger.debug({ err: error }, 'start failed');
    const sentence = error instanceof Error ? error.message : String(error);
    const isUsage = error instanceof PoolConfigError || error instanceof ConfigFileError;
    end(output, sentence, isUsage ? EXIT_USAGE : EXIT_FAILURE);
  });
  if (!running) return;
  stopOnSignal(running, output);
  // Reports its addresses to a parent process connected by an IPC channel. A lost parent is handled elsewhere.
  const monitoringUrl = 'monitoringUrl' in running ? running.monitoringUrl : undefined;
  process.send?.({ listening: running.endpoint, monitoringUrl }, undefined, undefined, () => {});
}

/**
 * The first signal drains; the same signal again ends the process at once, which is as safe as a crash. Losing a parent
 * that is connected by an IPC channel counts as a signal.
 */
function stopOnSignal(running: Driver | RunningProxy, output: LineOutput): void {
  let isStopping = false;
  const stop = () => {
    if (isStopping) return;
    isStopping = true;
    running.stop().then(
      () => process.exit(),
      (error: unknown) => {
        end(output, String(error), EXIT_FAILURE);
        process.exit();
      },
    );
  };
  for (const event of ['SIGTERM', 'SIGINT', 'disconnect'] as const) process.once(event, stop);
}

/**
 * Logs what Node would otherwise print itself, waiting for a reader: warnings, and uncaught errors, after which the
 * state of this process is unknown. The next start recovers, as after a crash.
 */
function logFaults(logger: Logger): void {
  process.removeAllListeners('warning');
  process.on('warning', (err) => logger.warn({ err }, 'Node.js warning'));
  process.on('uncaughtException', (err) => {
    logger.fatal({ err }, 'unexpected error; exiting');
    process.exit(EXIT_FAILURE);
  });
}

async function fail(message: string, exitCode = EXIT_FAILURE): Promise<void> {
  end(await standardOutput(STANDARD_ERROR), message, exitCode);
}

function end(output: LineOutput, message: string, exitCode: number): void {
  output.write(`${message}\n`);
  process.exitCode = exitCode;
}

function packageVersion(): string {
  const text = readFileSync(new URL('../package.json', import.meta.url), 'utf8');
  return (JSON.parse(text) as { version: string }).version;
}
