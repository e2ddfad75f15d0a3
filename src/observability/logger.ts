import pino, { type Logger } from 'pino';
import pretty from 'pino-pretty';

export type { Logger } from 'pino';

/** How the driver logs. */
export interface LogSettings {
  /** klog's `-v`: from 4 on debug lines, from 5 on the content of calls. */
  readonly verbosity: number;
  /** `auto` is for people on a terminal and for machines elsewhere. */
  readonly format: 'auto' | 'json' | 'pretty';
}

const DEBUG_VERBOSITY = 4;
const STANDARD_ERROR = 2;

/** Makes the driver's logger, which writes to standard error. */
export function createLogger({ verbosity, format }: LogSettings): Logger {
  const level = verbosity >= DEBUG_VERBOSITY ? 'debug' : 'info';
  const isPretty = format === 'pretty' || (format === 'auto' && process.stderr.isTTY);
  // Process id and host name, which pino adds otherwise, are the container's and tell nothing.
  const settings = { level, base: null, timestamp: pino.stdTimeFunctions.isoTime };
  if (!isPretty) return pino(settings, pino.destination(STANDARD_ERROR));
  const destination = { destination: STANDARD_ERROR, sync: true, colorize: process.stderr.isTTY };
  return pino(settings, pretty({ ...destination, singleLine: true, translateTime: 'SYS:HH:MM:ss.l' }));
}
