import { isatty } from 'node:tty';
import pino, { type Logger } from 'pino';
import { prettyFactory } from 'pino-pretty';
import type { LineOutput } from './line-output.ts';
import { withPrintableTexts } from './printable.ts';

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
export function createLogger({ verbosity, format }: LogSettings, output: LineOutput): Logger {
  const isTerminal = isatty(STANDARD_ERROR);
  const isPretty = format === 'pretty' || (format === 'auto' && isTerminal);
  const prettify = prettyFactory({
    colorize: isTerminal,
    singleLine: true,
    translateTime: 'SYS:HH:MM:ss.l',
  });
  const write = (line: string) => output.write(isPretty ? prettify(withPrintableTexts(line)) : line);
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
