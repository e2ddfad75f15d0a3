import { syncFileSystem, withDescriptor } from '../../kernel/calls/descriptor.ts';
import { ProgramError } from '../../kernel/process/program.ts';
import { feedProgram, programOutput } from '../../kernel/process/program-stream.ts';
import { VolumeError } from '../../model/errors.ts';

// Attributes of programs, as copies of directories keep; the others are about the file system itself.
const attributes = [
  '--xattrs',
  '--xattrs-include=user.*',
  '--xattrs-include=trusted.*',
  '--xattrs-include=security.capability',
  // XFS's own storage of access control lists.
  '--xattrs-exclude=trusted.SGI_ACL_*',
  '--acls',
  '--numeric-owner',
];

/**
 * Everything in a directory, and its own attributes, as an archive of GNU tar. The same content gives the same archive. Sockets
 * are left out: they mean nothing without their process.
 * @throws the signal's reason; VolumeError precondition: tar refuses it
 */
export async function* packTree(path: string, signal: AbortSignal): AsyncGenerator<Buffer, void, undefined> {
  const args = [
    '--create',
    '--format=pax',
    '--pax-option=exthdr.name=%d/PaxHeaders/%f,delete=atime,delete=ctime',
    '--sort=name',
    '--sparse',
    // The other versions put the number of the process into the archive.
    '--sparse-version=0.0',
    ...attributes,
    '--atime-preserve=system',
    '--warning=no-file-ignored',
    `--directory=${path}`,
    '.',
  ];
  try {
    yield* programOutput('tar', args, signal);
  } catch (error) {
    throw asVolumeError('cannot pack the directory', error);
  }
}

/**
 * Unpacks an archive into an empty directory, durably. Anything that tar says makes it fail: it warns of an entry that it would
 * have to put elsewhere, and leads symbolic links outside only when nothing more is written.
 * @throws the signal's reason; the error of the archive; VolumeError invalid: tar refuses it
 */
export async function unpackTree(
  path: string,
  archive: AsyncIterable<Buffer>,
  signal: AbortSignal,
): Promise<void> {
  const args = [
    '--extract',
    '--preserve-permissions',
    '--same-owner',
    '--delay-directory-restore',
    ...attributes,
    '--warning=no-timestamp',
    `--directory=${path}`,
  ];
  try {
    await feedProgram('tar', args, archive, signal);
  } catch (error) {
    throw asVolumeError('cannot unpack the directory in the stream', error);
  }
  await withDescriptor(path, 'r', syncFileSystem);
}

function asVolumeError(subject: string, error: unknown): unknown {
  if (!(error instanceof ProgramError)) return error;
  return new VolumeError('invalid', `${subject}: ${error.message}`, { cause: error });
}
