import { readFile } from 'node:fs/promises';

/**
 * The GID of a group given by name, from /etc/group, or by number; undefined for an empty name.
 * @throws Error naming the group if it does not exist
 */
export async function groupIdOf(group: string, groupFile = '/etc/group'): Promise<number | undefined> {
  if (group === '') return undefined;
  if (/^\d+$/.test(group)) return Number(group);
  const lines = (await readFile(groupFile, 'utf8')).split('\n').map((line) => line.split(':'));
  const id = lines.find(([name]) => name === group)?.[2];
  if (id === undefined)
    throw new Error(`--socket-group: there is no group ${JSON.stringify(group)} in ${groupFile}`);
  return Number(id);
}
