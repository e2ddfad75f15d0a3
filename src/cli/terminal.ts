import type { Writable } from 'node:stream';
import type { CliOutput } from './main.ts';

const READER_GONE = 'the program that reads the stream has ended, and says why';

/** The output of this process, for a command: it waits for its reader, such as a pager, and ends quietly if that goes away. */
export function terminal(stopped: AbortSignal): CliOutput {
  return {
    write: (text) => writeWhole(process.stdout, text),
    writeError: (text) => writeWhole(process.stderr, text),
    writeBytes: (bytes) => writeAll(process.stdout, bytes),
    input: process.stdin,
    isTerminal: process.stdout.isTTY ?? false,
    stopped,
  };
}

/** @throws the error of the stream, also if its reader is gone: the command cannot be done */
function writeAll(stream: Writable, bytes: Buffer): Promise<void> {
  return new Promise((resolve, reject) => {
    if (stream.listenerCount('error') === 0) stream.on('error', () => {});
    stream.write(bytes, (error) => {
      if (!error) resolve();
      else reject('code' in error && error.code === 'EPIPE' ? new Error(READER_GONE) : error);
    });
  });
}

/** @throws the error of the stream, unless its reader is gone */
function writeWhole(stream: Writable, text: string): Promise<void> {
  return new Promise((resolve, reject) => {
    // The stream also emits the error, which would end the process.
    stream.once('error', () => {});
    stream.write(text, (error) => {
      if (!error || ('code' in error && error.code === 'EPIPE')) resolve();
      else reject(error);
    });
  });
}
