import { parseArgs } from 'node:util';
import { nearestName } from '../text/nearest-name.ts';
import {
  type CommandFlag,
  type CommandName,
  type CommandTable,
  commands,
  type outputs,
  sharedFlags,
} from './commands.ts';

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
