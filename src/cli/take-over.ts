import type { Adoption } from '../actions/adopt/adopt-data.ts';
import type { Candidate } from '../actions/take-over/candidate.ts';
import { volumesText } from './adopt.ts';
import { callAction } from './call-action.ts';
import type { Command } from './command-line.ts';
import { formatAdoptions } from './format-adoptions.ts';
import type { CliOutput } from './main.ts';
import { type OldVolume, readOldVolumes } from './old-volumes.ts';

/** Some volumes could not be taken over. */
const EXIT_OBSTACLES = 1;

/** One volume of another provisioner, and what has become of it. */
type Outcome = { readonly path: string; readonly name: string } & (
  | { readonly adoption: Adoption }
  | { readonly obstacle: string }
);

/** Runs `take-over`: volume by volume, so that one that cannot be taken over keeps no other from it. @returns its exit code */
export async function runTakeOver(command: Command, output: CliOutput): Promise<number> {
  const { from, volumes = '', yes } = command.values;
  const isReal = yes === 'true';
  const known = volumes === '' ? new Map<string, OldVolume>() : readOldVolumes(volumes);
  const input = { from, path: command.values['PATH'] };
  const candidates = (await callAction(command.socket, 'find-candidates', input)) as Candidate[];
  const outcomes: Outcome[] = [];
  for (const candidate of candidates)
    outcomes.push(await takeOver(command, candidate, known.get(candidate.name), isReal, output));
  const adoptions = outcomes.flatMap((each) => ('adoption' in each ? [each.adoption] : []));
  if (isReal) {
    await output.writeError(formatOutcomes(outcomes, isReal));
    // Their PersistentVolumes exist, and have the same ids.
    if (from === 'reference')
      await output.writeError(
        'The PersistentVolumes and VolumeSnapshotContents of the cluster go on working.\n',
      );
    else if (adoptions.length > 0) await output.write(await volumesText(command, adoptions));
  } else await output.write(await planText(command, outcomes));
  return adoptions.length === outcomes.length ? 0 : EXIT_OBSTACLES;
}

async function takeOver(
  { socket, values: { pool = '' } }: Command,
  { obstacle, pool: oldPool, snapshot, ...candidate }: Candidate,
  known: OldVolume | undefined,
  isReal: boolean,
  output: CliOutput,
): Promise<Outcome> {
  const { path, name } = candidate;
  if (obstacle !== undefined) return { path, name, obstacle };
  const chosen = pool === '' ? oldPool : pool;
  const { isBlock, ...details } = { ...candidate, ...known };
  const input = {
    ...details,
    ...snapshot,
    ...(chosen === undefined ? {} : { pool: chosen }),
    isBlock: isBlock || candidate.isBlock,
    isMinimum: true,
    isReal,
  };
  const onProgress = (text: string) => output.writeError(`${path}: ${text}\n`);
  try {
    const action = snapshot ? 'adopt-snapshot' : 'adopt';
    return { path, name, adoption: (await callAction(socket, action, input, { onProgress })) as Adoption };
  } catch (error) {
    return { path, name, obstacle: error instanceof Error ? error.message : String(error) };
  }
}

async function planText({ output }: Command, outcomes: readonly Outcome[]): Promise<string> {
  switch (output) {
    case 'json':
      return `${JSON.stringify(outcomes, null, 2)}\n`;
    case 'yaml':
      return (await import('./to-yaml.ts')).toYaml(outcomes);
    case 'text':
      return `${formatOutcomes(outcomes, false)}Nothing has changed. Add --yes to do it.\n`;
  }
}

function formatOutcomes(outcomes: readonly Outcome[], isReal: boolean): string {
  if (outcomes.length === 0) return 'There are no volumes.\n';
  return outcomes
    .map((each) =>
      'adoption' in each
        ? formatAdoptions([each.adoption], { isReal })
        : `${each.path}: left alone: ${each.obstacle}\n`,
    )
    .join('');
}
