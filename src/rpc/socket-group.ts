import { readFile } from 'node:fs/promises';

/**
 * The number of a group given by name or number, as /etc/group has it; undefined for an empty name.
 * @throws Error naming the group when there is none
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
