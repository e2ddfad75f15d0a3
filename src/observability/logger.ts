import { isatty } from 'node:tty';
import pino, { type Logger } from 'pino';
import type { LineOutput } from './line-output.ts';

export type { Logger } from 'pino';

/** How the driver logs. */
export interface LogSettings {
  /** klog's `-v`: from 4 on debug lines, from 5 on trace lines and the content of calls. */
  readonly verbosity: number;
  /** `auto` is pretty on a terminal and JSON elsewhere. */
  readonly format: 'auto' | 'json' | 'pretty';
}

const DEBUG_VERBOSITY = 4;
const TRACE_VERBOSITY = 5;
const STANDARD_ERROR = 2;

/**
 * Creates the driver's logger.
 * @param output writes to standard error
 */
export async function createLogger({ verbosity, format }: LogSettings, output: LineOutput): Promise<Logger> {
  const isTerminal = isatty(STANDARD_ERROR);
  const isPretty = format === 'pretty' || (format === 'auto' && isTerminal);
  // Loaded only if it is used: it is as much code as the rest of the log.
  const prettify = isPretty ? (await import('./pretty-line.ts')).prettifier(isTerminal) : undefined;
  const write = (line: string) => output.write(prettify?.(line) ?? line);
  // pino's default process id and host name are those of the container, and useless.
  const settings = { level: levelAt(verbosity), base: null, timestamp: pino.stdTimeFunctions.isoTime };
  const logger = pino(settings, { write });
  output.onDropped = ({ lines, reason }) =>
    logger.warn({ lines, reason }, 'dropped log lines that could not be written');
  return logger;
}

function levelAt(verbosity: number): 'info' | 'debug' | 'trace' {
  if (verbosity >= TRACE_VERBOSITY) return 'trace';
  return verbosity >= DEBUG_VERBOSITY ? 'debug' : 'info';
}
