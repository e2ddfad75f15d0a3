import { type Argument, parseArguments } from './arguments.ts';
import type { AnyFlag, FlagTable, RequestFlag, RequiredFlag, ValuesOf } from './flag.ts';

/** Environment variables by name, as in `process.env`. */
export type Environment = Readonly<Record<string, string | undefined>>;

/** A command line parsed with a table of flags. */
export interface ParsedFlags<Table extends FlagTable> {
  /** Complete if there are no errors; invalid values are absent. */
  readonly values: Partial<ValuesOf<Table>>;
  readonly requests: ReadonlySet<RequestFlag['request']>;
  /**
   * One sentence per error: those of the command line in order, then those of the environment, then each missing flag.
   */
  readonly errors: readonly string[];
}

/** Parses a command line (without the name of the program). Throws only if a default in the table is wrong. */
export function parseFlags<Table extends FlagTable>(
  table: Table,
  argv: readonly string[],
  environment: Environment = {},
): ParsedFlags<Table> {
  const args = parseArguments(table, argv);
  const values: Record<string, unknown> = initialValues(table, args);
  const requests = new Set<RequestFlag['request']>();
  const errors: string[] = [];
  for (const arg of args) {
    if (arg.kind === 'error') {
      errors.push(arg.message);
      continue;
    }
    const { flag, key } = arg;
    const result = parseValue(flag, arg.text);
    if ('error' in result) {
      errors.push(`--${arg.name}: ${result.error}`);
    } else if ('request' in flag) {
      requests.delete(flag.request);
      if (result.value === true) requests.add(flag.request);
    } else if ('repeatable' in flag) {
      values[key] = [...(values[key] as unknown[]), result.value];
    } else if (!('ignored' in flag)) {
      values[key] = result.value;
    }
  }
  errors.push(...fillFromEnvironment(table, args, environment, values));
  fillFollowing(table, args, values);
  errors.push(...missingFlags(table, args, values));
  // Each key was filled by the kind of its own entry, as the mapped type states.
  return { values: values as Partial<ValuesOf<Table>>, requests, errors };
}

/** The defaults of the flags that are not given: an invalid value must not be replaced by the default. */
function initialValues(table: FlagTable, args: readonly Argument[]): Record<string, unknown> {
  const values: Record<string, unknown> = {};
  for (const [key, flag] of Object.entries(table)) {
    if ('repeatable' in flag) values[key] = [];
    else if ('default' in flag && !isGiven(key, args)) values[key] = flag.kind.parse(flag.default);
  }
  return values;
}

/**
 * Replaces defaults by environment variables. An invalid variable removes the default, as an invalid flag does.
 * @returns one sentence per error
 */
function fillFromEnvironment(
  table: FlagTable,
  args: readonly Argument[],
  environment: Environment,
  values: Record<string, unknown>,
): readonly string[] {
  return Object.entries(table).flatMap(([key, flag]) => {
    if (!('environment' in flag) || isGiven(key, args)) return [];
    const text = environment[flag.environment];
    if (text === undefined || text === '') return [];
    const result = parseValue(flag, text);
    if ('error' in result) {
      delete values[key];
      return [`${flag.environment}: ${result.error}`];
    }
    values[key] = result.value;
    return [];
  });
}

/** If the value of the followed flag is invalid, the following flag is left out too. */
function fillFollowing(table: FlagTable, args: readonly Argument[], values: Record<string, unknown>): void {
  for (const [key, flag] of Object.entries(table)) {
    if (!('defaultFrom' in flag) || isGiven(key, args)) continue;
    const followed = keyOf(flag.defaultFrom, table);
    if (followed !== undefined && followed in values) values[key] = values[followed];
  }
}

function missingFlags(
  table: FlagTable,
  args: readonly Argument[],
  values: Readonly<Record<string, unknown>>,
): readonly string[] {
  return Object.entries(table)
    .filter(([key, flag]) => 'required' in flag && !isGiven(key, args) && !isReplaced(flag, table, values))
    .map(([, flag]) => `--${flag.name}=${flag.kind.placeholder} is required`);
}

/**
 * Whether another flag replaces a required one. It does so even if its value is invalid, which is already reported.
 */
function isReplaced(
  { unless }: RequiredFlag,
  table: FlagTable,
  values: Readonly<Record<string, unknown>>,
): boolean {
  const key = unless === undefined ? undefined : keyOf(unless, table);
  return key !== undefined && !(key in values && values[key] === undefined);
}

function keyOf(name: string, table: FlagTable): string | undefined {
  return Object.keys(table).find((key) => table[key]?.name === name);
}

function isGiven(key: string, args: readonly Argument[]): boolean {
  return args.some((arg) => arg.key === key);
}

function parseValue(flag: AnyFlag, text: string): { readonly value: unknown } | { readonly error: string } {
  try {
    return { value: flag.kind.parse(text) };
  } catch (error) {
    if (error instanceof Error) return { error: error.message };
    throw error;
  }
}
