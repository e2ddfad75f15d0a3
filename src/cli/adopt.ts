import type { Adoption } from '../actions/adopt/adopt-data.ts';
import { parseQuantityBytes } from '../units/quantity.ts';
import { callAction } from './call-action.ts';
import type { Command } from './command-line.ts';
import { exportedFrom, objectsText } from './export-objects.ts';
import { formatAdoptions } from './format-adoptions.ts';
import type { CliOutput } from './main.ts';
import { readReport } from './read-report.ts';

/** Runs `adopt`. @returns its exit code */
export async function runAdopt(command: Command, output: CliOutput): Promise<number> {
  const { PATH: path, pool = '', name = '', size = '', claim = '', block, yes } = command.values;
  const [namespace, claimName] = claim.split('/');
  const input = {
    path,
    ...(pool === '' ? {} : { pool }),
    ...(name === '' ? {} : { name }),
    ...(size === '' ? {} : { sizeBytes: parseQuantityBytes(size).toString() }),
    ...(claim === '' ? {} : { claim: { namespace, name: claimName } }),
    isBlock: block === 'true',
    isReal: yes === 'true',
  };
  const adoption = (await callAction(command.socket, 'adopt', input, {
    onProgress: (text) => output.writeError(`${text}\n`),
  })) as Adoption;
  if (!input.isReal) {
    await output.write(await planText(command, [adoption]));
    return 0;
  }
  await output.writeError(formatAdoptions([adoption], { isReal: true }));
  await output.write(await volumesText(command, [adoption]));
  return 0;
}

/** What would be done. */
async function planText({ output }: Command, adoptions: readonly Adoption[]): Promise<string> {
  switch (output) {
    case 'json':
      return `${JSON.stringify(adoptions, null, 2)}\n`;
    case 'yaml':
      return (await import('./to-yaml.ts')).toYaml(adoptions);
    case 'text':
      return `${formatAdoptions(adoptions, { isReal: false })}Nothing has changed. Add --yes to do it.\n`;
  }
}

/** The PersistentVolumes and claims of volumes that were made of data. */
export async function volumesText(
  { socket, stateDir, output, values }: Command,
  adoptions: readonly Adoption[],
): Promise<string> {
  const ids = new Set(adoptions.map(({ volumeId }) => volumeId));
  const report = await readReport(socket, stateDir);
  const volumes = report.volumes.filter(({ id }) => ids.has(id));
  return objectsText(exportedFrom({ ...report, volumes }, { ...values, pool: '' }), output);
}
