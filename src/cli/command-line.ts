import { parseArgs } from 'node:util';
import { provisioners } from '../actions/take-over/provisioners.ts';
import { defaultStatusSocket } from '../options/monitoring-flags.ts';
import { nearestName } from '../text/nearest-name.ts';
import { parseQuantityBytes } from '../units/quantity.ts';

/** A flag of a command. */
interface CommandFlag {
  /** Empty for a flag without a value, whose value is then `true` or empty. */
  readonly placeholder: string;
  readonly meaning: string;
  readonly default: string;
  /** What is wrong with a value, as the end of a sentence; undefined if nothing is. */
  readonly problem?: (value: string) => string | undefined;
}

const outputs = ['text', 'json', 'yaml'] as const;

const absolutePath = (value: string) => (value.startsWith('/') ? undefined : 'must be an absolute path');

/** What is wrong with a size, for which an empty text stands for none. */
function sizeProblem(value: string): string | undefined {
  if (value === '') return undefined;
  try {
    return parseQuantityBytes(value) > 0n ? undefined : 'must be more than 0';
  } catch {
    return 'must be a size such as 10Gi or 500M';
  }
}

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

const checkFlags = {
  repair: { placeholder: '', meaning: 'repair what loses nothing; needs a running driver', default: '' },
  'accept-disk': {
    placeholder: 'POOL',
    meaning: 'with --repair: use this pool although its disk is another (a copy, a new UUID)',
    default: '',
  },
  orphans: {
    placeholder: 'FILE',
    meaning: 'also compare with the output of kubectl get pv -o json, - for standard input',
    default: '',
  },
  'dry-run': { placeholder: '', meaning: 'with --repair: only say what it would do', default: '' },
} as const satisfies Record<string, CommandFlag>;

const trimFlags = {
  volume: { placeholder: 'ID', meaning: 'only this volume', default: '' },
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

const restoreFlags = {
  name: { placeholder: 'NAME', meaning: 'new name of the volume, if another has its name', default: '' },
  claim: {
    placeholder: 'NAMESPACE/NAME',
    meaning: 'claim that it is for, if not the one before',
    default: '',
    problem: (value: string) =>
      value === '' || /^[^/]+\/[^/]+$/.test(value) ? undefined : 'must be NAMESPACE/NAME',
  },
  'storage-class': exportFlags['storage-class'],
} as const satisfies Record<string, CommandFlag>;

const yesFlag = {
  yes: {
    placeholder: '',
    meaning: 'do it: the content cannot be restored',
    default: '',
  },
} as const satisfies Record<string, CommandFlag>;

const adoptFlags = {
  pool: { placeholder: 'NAME', meaning: 'pool of the volume (default default)', default: '' },
  name: {
    placeholder: 'NAME',
    meaning: 'name of the volume (default: that of the directory or file)',
    default: '',
  },
  size: {
    placeholder: 'SIZE',
    meaning: 'size of the volume, such as 10Gi (default: what is in it, rounded up to whole GiB)',
    default: '',
    problem: sizeProblem,
  },
  claim: {
    placeholder: 'NAMESPACE/NAME',
    meaning: 'PersistentVolumeClaim to print as well',
    default: '',
    problem: (value: string) =>
      value === '' || /^[a-z0-9-]+\/[a-z0-9.-]+$/.test(value) ? undefined : 'must be NAMESPACE/NAME',
  },
  'storage-class': { placeholder: 'NAME', meaning: 'StorageClass of the claim', default: '' },
  block: { placeholder: '', meaning: 'a file is the content of a block volume', default: '' },
  yes: { placeholder: '', meaning: 'do it; without this flag nothing changes', default: '' },
} as const satisfies Record<string, CommandFlag>;

const takeOverFlags = {
  from: {
    placeholder: 'KIND',
    meaning: `whose volumes they are: ${provisioners.join(', ')}`,
    default: '',
    problem: (value: string) =>
      provisioners.some((each) => each === value) ? undefined : `must be one of ${provisioners.join(', ')}`,
  },
  volumes: {
    placeholder: 'FILE',
    meaning: 'output of kubectl get pv -o json, for their sizes, claims and access modes',
    default: '',
    problem: (value: string) => (value === '' ? undefined : absolutePath(value)),
  },
  pool: adoptFlags.pool,
  'storage-class': { placeholder: 'NAME', meaning: 'StorageClass of the claims', default: '' },
  yes: adoptFlags.yes,
} as const satisfies Record<string, CommandFlag>;

/** The commands of the program; without one, it is the driver. */
const commands = {
  status: { meaning: 'Show pools, volumes, snapshots and jobs.', flags: {} },
  check: {
    meaning: 'Compare the records, the disks and the kernel, and say what is wrong and what to do.',
    flags: checkFlags,
  },
  watch: { meaning: 'Show the status again every few seconds, until Ctrl-C.', flags: intervalFlag },
  trim: {
    meaning: 'Return the space of deleted data in images to their pools.',
    flags: trimFlags,
  },
  export: {
    meaning: 'Print a PersistentVolume and a claim for each volume, for a cluster that was built anew.',
    flags: exportFlags,
  },
  restore: {
    meaning: 'Make a retained or archived volume exist again, and print its PersistentVolume and claim.',
    flags: restoreFlags,
    arguments: ['ID'],
  },
  purge: {
    meaning: 'Remove a retained or archived volume now, for good.',
    flags: yesFlag,
    arguments: ['ID'],
  },
  adopt: {
    meaning: 'Make a volume of an existing directory or image file, and print its PersistentVolume.',
    flags: adoptFlags,
    arguments: ['PATH'],
  },
  'take-over': {
    meaning: 'Make volumes of those of another provisioner, and print their PersistentVolumes and claims.',
    flags: takeOverFlags,
    arguments: ['PATH'],
  },
} as const satisfies Record<string, CommandTable>;

interface CommandTable {
  readonly meaning: string;
  readonly flags: Readonly<Record<string, CommandFlag>>;
  /** The words that it needs beside its flags. Their values are those of flags with these names. */
  readonly arguments?: readonly string[];
}

type CommandName = keyof typeof commands;

/** A command with the values of its flags. */
export interface Command {
  readonly name: CommandName;
  readonly output: (typeof outputs)[number];
  /** The socket of the driver. */
  readonly socket: string;
  /** Read if no driver runs. */
  readonly stateDir: string;
  /** All flags and arguments of the command, by name. */
  readonly values: Readonly<Record<string, string>>;
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
  const table: CommandTable = commands[name];
  const flags: Readonly<Record<string, CommandFlag>> = { ...sharedFlags, ...table.flags };
  const { arguments: expected = [] } = table;
  try {
    const { values, positionals } = parseArgs({
      args: [...words],
      options: { ...optionsOf(flags), help: { type: 'boolean' as const, short: 'h' } },
      allowPositionals: expected.length > 0,
    });
    const { help, ...given } = values;
    if (help) return { kind: 'help', text: helpText(name, table, flags) };
    if (positionals.length !== expected.length) {
      return invalid(
        `${name}: needs ${expected.join(' and ')}, and has ${JSON.stringify(positionals.join(' '))}`,
      );
    }
    const named = expected.map((each, index) => [each, positionals[index] ?? '']);
    return commandOf(name, flags, { ...asTexts(given), ...Object.fromEntries(named) });
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

function optionsOf(flags: Readonly<Record<string, CommandFlag>>) {
  return Object.fromEntries(
    Object.entries(flags).map(([name, { placeholder, default: byDefault }]) => [
      name,
      placeholder === ''
        ? { type: 'boolean' as const }
        : { type: 'string' as const, default: byDefault, ...(name === 'output' ? { short: 'o' } : {}) },
    ]),
  );
}

function asTexts(values: Readonly<Record<string, unknown>>): Record<string, string> {
  return Object.fromEntries(Object.entries(values).map(([name, value]) => [name, String(value)]));
}

function commandOf(
  name: CommandName,
  flags: Readonly<Record<string, CommandFlag>>,
  values: Readonly<Record<string, string>>,
): CliRequest {
  for (const [flag, value] of Object.entries(values)) {
    const problem = flags[flag]?.problem?.(value);
    if (problem !== undefined) return invalid(`--${flag}: ${JSON.stringify(value)} ${problem}`);
  }
  const misplaced = ['dry-run', 'accept-disk'].find((flag) => values[flag] && !values['repair']);
  if (misplaced) return invalid(`--${misplaced} needs --repair`);
  const { output = '', socket = '', statedir: stateDir = '' } = values;
  return {
    kind: 'command',
    command: { name, output: output as Command['output'], socket, stateDir, values },
  };
}

function invalid(error: string, given = '', names: readonly string[] = []): CliRequest {
  const near = given === '' ? undefined : nearestName(given, names);
  return { kind: 'invalid', error: near === undefined ? error : `${error}; did you mean ${near}?` };
}

function helpText(
  name: CommandName,
  { meaning, arguments: expected = [] }: CommandTable,
  flags: Readonly<Record<string, CommandFlag>>,
): string {
  const lines = Object.entries(flags).map(([flag, each]) => {
    const { placeholder, default: byDefault } = each;
    const spelling = `${flag === 'output' ? '-o, ' : ''}--${flag} ${placeholder}`.trimEnd();
    return `  ${spelling.padEnd(24)} ${each.meaning}${byDefault === '' ? '' : ` (default ${byDefault})`}`;
  });
  const usage = ['Usage: csi-hostpath', name, ...expected, '[flags]'].join(' ');
  return [usage, '', meaning, '', ...lines].join('\n');
}
