import { parseArgs } from 'node:util';
import { directoryFormats } from '../model/moving/moved-object.ts';
import { defaultStatusSocket } from '../options/monitoring-flags.ts';
import { nearestName } from '../text/nearest-name.ts';

/** A flag of a command. */
interface CommandFlag {
  readonly placeholder: string;
  readonly meaning: string;
  readonly default: string;
  /** What is wrong with a value, as the end of a sentence; undefined if nothing is. */
  readonly problem?: (value: string) => string | undefined;
}

/** A command of the program. */
interface CommandSpec {
  readonly meaning: string;
  /** What follows the command and is no flag; all of it is required. */
  readonly arguments?: readonly string[];
  readonly flags: Readonly<Record<string, CommandFlag>>;
}

const outputs = ['text', 'json', 'yaml'] as const;

const absolutePath = (value: string) => (value.startsWith('/') ? undefined : 'must be an absolute path');

const sharedFlags = {
  output: {
    placeholder: 'FORMAT',
    meaning: 'text, json or yaml',
    default: 'text',
    problem: (value: string) =>
      outputs.some((each) => each === value) ? undefined : `must be one of ${outputs.join(', ')}`,
  },
  socket: {
    placeholder: 'PATH',
    meaning: 'socket of the driver, its flag --status-socket',
    default: defaultStatusSocket,
    problem: absolutePath,
  },
  statedir: {
    placeholder: 'PATH',
    meaning: 'state directory to read if no driver runs',
    default: '/csi-data-dir',
    problem: absolutePath,
  },
} as const satisfies Record<string, CommandFlag>;

const intervalFlag = {
  interval: {
    placeholder: 'SECONDS',
    meaning: 'how often',
    default: '2',
    problem: (value: string) =>
      Number(value) >= 1 && Number(value) <= 3600 ? undefined : 'must be a number of seconds from 1 to 3600',
  },
} as const satisfies Record<string, CommandFlag>;

const exportFlags = {
  pool: { placeholder: 'NAME', meaning: 'only the volumes of this pool', default: '' },
  'storage-class': { placeholder: 'NAME', meaning: 'StorageClass of the claims', default: '' },
  drivername: {
    placeholder: 'NAME',
    meaning: 'name of the driver, if none runs',
    default: 'hostpath.csi.k8s.io',
  },
  nodeid: {
    placeholder: 'ID',
    meaning: 'id of the node, if no driver runs or the node has a new one',
    default: '',
  },
} as const satisfies Record<string, CommandFlag>;

const sendFlags = {
  since: {
    placeholder: 'ID',
    meaning: 'send only what changed since this snapshot, of an image or with --format=btrfs',
    default: '',
  },
  format: {
    placeholder: 'FORMAT',
    meaning: `${directoryFormats.join(' or ')}: how to send a directory; btrfs needs pools on btrfs`,
    default: 'tar',
    problem: (value: string) =>
      directoryFormats.some((each) => each === value)
        ? undefined
        : `must be one of ${directoryFormats.join(', ')}`,
  },
  from: {
    placeholder: 'BYTES',
    meaning: 'leave out this much of the stream, to go on after an interruption',
    default: '0',
    problem: (value: string) => (/^\d{1,15}$/.test(value) ? undefined : 'must be a number of bytes'),
  },
} as const satisfies Record<string, CommandFlag>;

const kinds = ['volume', 'snapshot'] as const;

const receiveFlags = {
  pool: {
    placeholder: 'NAME',
    meaning: 'pool to receive it in; without, the one with the name of its pool',
    default: '',
  },
  name: {
    placeholder: 'NAME',
    meaning: 'name of the volume or snapshot; without, its name as it was',
    default: '',
  },
  as: {
    placeholder: 'KIND',
    meaning: `${kinds.join(' or ')}; without, as it was`,
    default: '',
    problem: (value: string) =>
      value === '' || kinds.some((each) => each === value) ? undefined : `must be one of ${kinds.join(', ')}`,
  },
  'storage-class': { placeholder: 'NAME', meaning: 'StorageClass of the claim', default: '' },
  namespace: { placeholder: 'NAME', meaning: 'namespace of the VolumeSnapshot', default: 'default' },
} as const satisfies Record<string, CommandFlag>;

/** The commands of the program; without one, it is the driver. */
const commands = {
  status: { meaning: 'Show pools, volumes, snapshots and jobs.', flags: {} },
  check: {
    meaning: 'Compare the records, the disks and the kernel, and say what is wrong and what to do.',
    flags: {},
  },
  watch: { meaning: 'Show the status again every few seconds, until Ctrl-C.', flags: intervalFlag },
  export: {
    meaning: 'Print a PersistentVolume and a claim for each volume, for a cluster that was built anew.',
    flags: exportFlags,
  },
  send: {
    meaning:
      'Write a volume that is not in use, or a snapshot, to standard output, for receive on another node.',
    arguments: ['ID'],
    flags: sendFlags,
  },
  receive: {
    meaning:
      'Make a volume or snapshot of what send writes, read from standard input, and print its Kubernetes objects.',
    flags: receiveFlags,
  },
} as const satisfies Record<string, CommandSpec>;

type CommandName = keyof typeof commands;

/** A command with the values of its flags. */
export interface Command {
  readonly name: CommandName;
  readonly output: (typeof outputs)[number];
  /** The socket of the driver. */
  readonly socket: string;
  /** Read if no driver runs. */
  readonly stateDir: string;
  /** All flags of the command, by name. */
  readonly values: Readonly<Record<string, string>>;
  /** What follows the command and is no flag, in the order of the command's `arguments`. */
  readonly arguments: readonly string[];
}

/** The parsed words after the name of the program. Texts have no trailing line break. */
export type CliRequest =
  | { readonly kind: 'command'; readonly command: Command }
  | { readonly kind: 'help'; readonly text: string }
  | { readonly kind: 'invalid'; readonly error: string };

/** Parses a command and what follows it. */
export function parseCommand([name = '', ...words]: readonly string[]): CliRequest {
  if (!isCommand(name)) {
    return invalid(`there is no command ${JSON.stringify(name)}`, name, Object.keys(commands));
  }
  const flags: Readonly<Record<string, CommandFlag>> = { ...sharedFlags, ...commands[name].flags };
  try {
    const { values, positionals } = parseArgs({
      args: [...words],
      options: { ...optionsOf(flags), help: { type: 'boolean', short: 'h' } },
      allowPositionals: argumentsOf(name).length > 0,
    });
    const { help, ...given } = values;
    if (help) return { kind: 'help', text: helpText(name, flags) };
    const missing = argumentsOf(name)[positionals.length];
    if (missing !== undefined) return invalid(`${name}: ${missing} is required`);
    const extra = positionals[argumentsOf(name).length];
    if (extra !== undefined) return invalid(`${name}: unexpected argument ${JSON.stringify(extra)}`);
    return commandOf(name, flags, { values: given as Record<string, string>, positionals });
  } catch (error) {
    if (!(error instanceof TypeError)) throw error;
    const [sentence = ''] = error.message.split('. ');
    const unknown = /'--([^' ]+)/.exec(sentence)?.[1] ?? '';
    return invalid(`${name}: ${sentence}`, unknown, Object.keys(flags));
  }
}

function isCommand(word: string): word is CommandName {
  return Object.hasOwn(commands, word);
}

function argumentsOf(name: CommandName): readonly string[] {
  const command: CommandSpec = commands[name];
  return command.arguments ?? [];
}

function optionsOf(flags: Readonly<Record<string, CommandFlag>>) {
  return Object.fromEntries(
    Object.entries(flags).map(([name, flag]) => [
      name,
      { type: 'string' as const, default: flag.default, ...(name === 'output' ? { short: 'o' } : {}) },
    ]),
  );
}

function commandOf(
  name: CommandName,
  flags: Readonly<Record<string, CommandFlag>>,
  { values, positionals }: { values: Readonly<Record<string, string>>; positionals: readonly string[] },
): CliRequest {
  for (const [flag, value] of Object.entries(values)) {
    const problem = flags[flag]?.problem?.(value);
    if (problem !== undefined) return invalid(`--${flag}: ${JSON.stringify(value)} ${problem}`);
  }
  const { output = '', socket = '', statedir: stateDir = '' } = values;
  return {
    kind: 'command',
    command: {
      name,
      output: output as Command['output'],
      socket,
      stateDir,
      values,
      arguments: positionals,
    },
  };
}

function invalid(error: string, given = '', names: readonly string[] = []): CliRequest {
  const near = given === '' ? undefined : nearestName(given, names);
  return { kind: 'invalid', error: near === undefined ? error : `${error}; did you mean ${near}?` };
}

function helpText(name: CommandName, flags: Readonly<Record<string, CommandFlag>>): string {
  const lines = Object.entries(flags).map(([flag, { placeholder, meaning, default: byDefault }]) => {
    const spelling = `${flag === 'output' ? '-o, ' : ''}--${flag} ${placeholder}`;
    return `  ${spelling.padEnd(24)} ${meaning}${byDefault === '' ? '' : ` (default ${byDefault})`}`;
  });
  const usage = ['csi-hostpath', name, ...argumentsOf(name), '[flags]'].join(' ');
  return [`Usage: ${usage}`, '', commands[name].meaning, '', ...lines].join('\n');
}
