import { constants } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import { readAt, syncFileSystem, withDescriptor } from '../../kernel/calls/descriptor.ts';
import { ProgramError, runProgram } from '../../kernel/process/program.ts';
import { quote, VolumeError } from '../../model/errors.ts';

const READ = constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK;
const GZIP_MAGIC = Buffer.from([0x1f, 0x8b]);

/** Whether a file begins like one that gzip has compressed. */
export function isCompressed(path: string): Promise<boolean> {
  return withDescriptor(path, READ, async (fd) =>
    (await readAt(fd, 0, GZIP_MAGIC.length)).equals(GZIP_MAGIC),
  );
}

/**
 * Unpacks a compressed tar archive into a new directory, durably, with owners and modes. tar itself leaves out what would lie
 * outside.
 * @param name its path, for messages
 * @throws VolumeError precondition: it is damaged, or the node has no tar
 */
export async function unpackArchive(archive: string, name: string, target: string): Promise<void> {
  await mkdir(target, { mode: 0o700 });
  try {
    await runProgram('tar', ['-xzpf', archive, '-C', target, '--numeric-owner']);
  } catch (error) {
    if (!(error instanceof ProgramError)) throw error;
    throw new VolumeError('precondition', `cannot unpack ${quote(name)}: ${error.message}`, { cause: error });
  }
  await withDescriptor(target, 'r', syncFileSystem);
}
