import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { withDescriptor } from '../../kernel/calls/descriptor.ts';
import { isReadOnlySubvolume, isSubvolume } from '../../kernel/file-systems/btrfs.ts';
import { ProgramError } from '../../kernel/process/program.ts';
import { feedProgram, programOutput } from '../../kernel/process/program-stream.ts';
import { VolumeError } from '../../model/errors.ts';
import { DATA, dataOf } from '../volume-root.ts';

/**
 * A read-only subvolume as a stream of btrfs.
 * @param base an earlier one that the receiver has as well; undefined to send all of it
 * @throws the signal's reason; VolumeError invalid: btrfs refuses it
 */
export async function* sendSubvolume(
  path: string,
  base: string | undefined,
  signal: AbortSignal,
): AsyncGenerator<Buffer, void, undefined> {
  const parent = base === undefined ? [] : ['-p', base];
  try {
    yield* programOutput('btrfs', ['send', '-q', ...parent, path], signal);
  } catch (error) {
    throw asVolumeError('cannot send the subvolume', error);
  }
}

/**
 * Makes a subvolume of a stream of btrfs, read-only, with the name `data` in a directory. The program is confined to the
 * directory, since it does all that the stream says; it opens the subvolume that the stream changes before.
 * @throws the signal's reason; the error of the stream; VolumeError invalid: btrfs refuses it, or it is another stream
 */
export async function receiveSubvolume(
  directory: string,
  stream: AsyncIterable<Buffer>,
  signal: AbortSignal,
): Promise<void> {
  const before = await filesIn(directory);
  try {
    // It says where it is confined.
    await feedProgram('btrfs', ['receive', '-q', '--chroot', directory], stream, signal, { mayWarn: true });
  } catch (error) {
    throw asVolumeError('cannot receive the subvolume in the stream', error);
  }
  const { [DATA]: received, ...others } = await filesIn(directory);
  const isAsBefore = JSON.stringify(others) === JSON.stringify(before);
  if (received === undefined || !isAsBefore || !(await withDescriptor(dataOf(directory), 'r', isReceived)))
    throw new VolumeError(
      'invalid',
      'the stream has other things than one read-only subvolume with the name data',
    );
}

async function isReceived(fd: number): Promise<boolean> {
  return (await isSubvolume(fd)) && isReadOnlySubvolume(fd);
}

/** The entries of the directory of an object, which has a record at most: text of a file, nothing of a directory. */
async function filesIn(directory: string): Promise<Record<string, string>> {
  const entries = await readdir(directory, { withFileTypes: true });
  const texts = entries.map(async (entry): Promise<[string, string]> => {
    const text = entry.isFile() ? await readFile(join(directory, entry.name), 'utf8') : '';
    return [entry.name, text];
  });
  return Object.fromEntries((await Promise.all(texts)).sort());
}

function asVolumeError(subject: string, error: unknown): unknown {
  if (!(error instanceof ProgramError)) return error;
  return new VolumeError('invalid', `${subject}: ${error.message}`, { cause: error });
}
