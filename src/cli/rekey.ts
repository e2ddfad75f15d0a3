import { readFile } from 'node:fs/promises';
import { createInterface } from 'node:readline/promises';
import { Readable } from 'node:stream';
import { callAction } from './call-action.ts';
import type { Command } from './command-line.ts';
import type { CliOutput } from './main.ts';

/** Has the driver replace the key of an encrypted volume. @returns the exit code */
export async function rekey({ socket, values }: Command, { input, write }: CliOutput): Promise<number> {
  const { ID: id = '' } = values;
  const lines = createInterface({ input })[Symbol.asyncIterator]();
  const oldKey = await keyIn('key-file', values, lines);
  const newKey = await keyIn('new-key-file', values, lines);
  const keys = { oldKey: oldKey.toString('base64'), newKey: newKey.toString('base64') };
  await callAction(socket, 'rekey', { id }, { body: Readable.from([JSON.stringify(keys)]) });
  await write(`Volume ${id} has the new key. Its snapshots keep the one that they were taken with.\n`);
  return 0;
}

/** All of a file, or the next line of standard input. */
async function keyIn(
  flag: 'key-file' | 'new-key-file',
  values: Command['values'],
  lines: AsyncIterator<string>,
): Promise<Buffer> {
  const path = values[flag] ?? '';
  if (path === '') throw new Error(`--${flag} is required: a file, or - for a line of standard input`);
  if (path !== '-') return readFile(path);
  const { done, value } = await lines.next();
  if (done) throw new Error(`--${flag}: standard input has ended before the key`);
  return Buffer.from(value);
}
