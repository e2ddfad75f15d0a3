import { parseArgs } from 'node:util';
import { defaultStatusSocket as defaultSocket } from '../options/monitoring-flags.ts';
import { nearestName } from '../text/nearest-name.ts';

/** The commands of the program; without one, it is the driver. */
export const commands = {
  status: 'Show pools, volumes, snapshots and jobs.',
  check: 'Compare the records, the disks and the kernel, and say what is wrong and what to do.',
  watch: 'Show the status again every few seconds, until Ctrl-C.',
} as const;

export type CommandName = keyof typeof commands;

export const outputs = ['text', 'json', 'yaml'] as const;

/** A command with its flags. */
export interface Command {
  readonly name: CommandName;
  readonly output: (typeof outputs)[number];
  /** The socket of the driver. */
  readonly socket: string;
  /** Read if no driver runs. */
  readonly stateDir: string;
  readonly intervalMs: number;
}

/** The parsed words after the name of the program. Texts have no trailing line break. */
export type CliRequest =
  | { readonly kind: 'command'; readonly command: Command }
  | { readonly kind: 'help'; readonly text: string }
  | { readonly kind: 'invalid'; readonly error: string };

const defaultStateDir = '/csi-data-dir';

const flags = {
  output: { type: 'string', short: 'o', default: 'text' },
  socket: { type: 'string', default: defaultSocket },
  statedir: { type: 'string', default: defaultStateDir },
  interval: { type: 'string', default: '2' },
  help: { type: 'boolean', short: 'h', default: false },
} as const;

function isCommand(word: string | undefined): word is CommandName {
  return word !== undefined && Object.hasOwn(commands, word);
}

/** Parses a command and what follows it. */
export function parseCommand([name = '', ...rest]: readonly string[]): CliRequest {
  if (!isCommand(name))
    return invalid(`there is no command ${JSON.stringify(name)}`, name, Object.keys(commands));
  try {
    const { values } = parseArgs({ args: [...rest], options: flags, allowPositionals: false });
    if (values.help) return { kind: 'help', text: helpText(name) };
    return commandOf(name, values);
  } catch (error) {
    if (!(error instanceof TypeError)) throw error;
    const [sentence = ''] = error.message.split('. ');
    const unknown = /'--([^' ]+)/.exec(sentence)?.[1] ?? '';
    return invalid(`${name}: ${sentence}`, unknown, Object.keys(flags));
  }
}

function commandOf(
  name: CommandName,
  {
    output,
    socket,
    statedir,
    interval,
  }: { output: string; socket: string; statedir: string; interval: string },
): CliRequest {
  const known = outputs.find((each) => each === output);
  if (!known) return invalid(`--output: ${JSON.stringify(output)} must be ${outputs.join(', ')}`);
  const seconds = Number(interval);
  if (!(seconds >= 1 && seconds <= 3600))
    return invalid(`--interval: ${JSON.stringify(interval)} must be a number of seconds from 1 to 3600`);
  for (const [flag, path] of Object.entries({ socket, statedir })) {
    if (!path.startsWith('/')) return invalid(`--${flag}: ${JSON.stringify(path)} must be an absolute path`);
  }
  return {
    kind: 'command',
    command: { name, output: known, socket, stateDir: statedir, intervalMs: seconds * 1000 },
  };
}

function invalid(error: string, given = '', names: readonly string[] = []): CliRequest {
  const near = given === '' ? undefined : nearestName(given, names);
  return { kind: 'invalid', error: near === undefined ? error : `${error}; did you mean ${near}?` };
}

function helpText(name: CommandName): string {
  const lines = [
    `Usage: csi-hostpath ${name} [flags]`,
    '',
    commands[name],
    '',
    '  -o, --output FORMAT   text, json or yaml (default text)',
    `  --socket PATH         socket of the driver, its flag --status-socket (default ${defaultSocket})`,
    `  --statedir PATH       state directory to read if no driver runs (default ${defaultStateDir})`,
  ];
  if (name === 'watch') lines.push('  --interval SECONDS    how often (default 2)');
  return lines.join('\n');
}
