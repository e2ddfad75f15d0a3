import { callAction } from './call-action.ts';
import type { Command } from './command-line.ts';
import type { CliOutput } from './main.ts';

/** Restores a deleted volume that was kept, and prints the objects by which a cluster uses it. @returns the exit code */
export async function restore(
  command: Command,
  { write, writeError }: CliOutput,
  objectsOf: (command: Command, id: string) => Promise<string>,
): Promise<number> {
  const { ID: id = '', name = '', claim = '' } = command.values;
  const [namespace = '', claimName = ''] = claim.split('/');
  const input = {
    id,
    ...(name === '' ? {} : { name }),
    ...(claim === '' ? {} : { claim: { namespace, name: claimName } }),
  };
  await callAction(command.socket, 'restore', input, { onProgress: (text) => writeError(`${text}\n`) });
  // Not on standard output, which kubectl reads.
  await writeError(`Volume ${id} is restored. Apply these objects to use it.\n`);
  await write(await objectsOf(command, id));
  return 0;
}

/** Removes a deleted volume that was kept, for good. @returns the exit code */
export async function purge({ socket, values }: Command, { write, writeError }: CliOutput): Promise<number> {
  const { ID: id = '', yes } = values;
  if (yes !== 'true') {
    throw new Error(`this removes the content of ${id} for good; to do it, repeat the command with --yes`);
  }
  const isPurged = await callAction(
    socket,
    'purge',
    { id },
    { onProgress: (text) => writeError(`${text}\n`) },
  );
  await write(
    isPurged
      ? `Volume ${id} is purged.\n`
      : `There is no retained or archived volume ${id}; nothing was removed.\n`,
  );
  return 0;
}
