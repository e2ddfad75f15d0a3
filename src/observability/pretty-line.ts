import { prettyFactory } from 'pino-pretty';
import { withPrintableTexts } from './printable.ts';

/** Creates a function that makes a log line, one object in JSON, readable for people. */
export function prettifier(colorize: boolean): (line: string) => string {
  const prettify = prettyFactory({ colorize, singleLine: true, translateTime: 'SYS:HH:MM:ss.l' });
  return (line) => prettify(withPrintableTexts(line));
}
