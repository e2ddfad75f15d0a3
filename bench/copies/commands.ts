import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { millisecondsOf } from './driver.ts';

const execFileAsync = promisify(execFile);

/** Runs commands in a shell, with paths as $1, $2, … @returns how many milliseconds they took */
export function commandsMs(commands: string, ...paths: string[]): Promise<number> {
  return millisecondsOf(() => execFileAsync('sh', ['-ec', commands, 'sh', ...paths]));
}
