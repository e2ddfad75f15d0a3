import type { AnyFlag, FlagTable, RequestFlag, RequiredFlag, ValuesOf } from './flag.ts';
import { readWords, type Word } from './words.ts';

/** Environment variables by name, as in `process.env`. */
export type Environment = Readonly<Record<string, string | undefined>>;

/** The result of reading a command line with a table of flags. */
export interface Reading<Table extends FlagTable> {
  /** Complete if there are no mistakes; invalid values are absent. */
  readonly values: Partial<ValuesOf<Table>>;
  readonly requests: ReadonlySet<RequestFlag['request']>;
  /**
   * One sentence per mistake: those of the command line in order, then those of the environment, then each missing
   * flag.
   */
  readonly mistakes: readonly string[];
}

/** Reads a command line (without the name of the program). Throws only if a default in the table is wrong. */
export function readFlags<Table extends FlagTable>(
  table: Table,
  argv: readonly string[],
  environment: Environment = {},
): Reading<Table> {
  const words = readWords(table, argv);
  const values: Record<string, unknown> = initialValues(table, words);
  const requests = new Set<RequestFlag['request']>();
  const mistakes: string[] = [];
  for (const word of words) {
    if (word.kind === 'mistake') {
      mistakes.push(word.sentence);
      continue;
    }
    const { flag, key } = word;
    const outcome = parseText(flag, word.text);
    if ('problem' in outcome) {
      mistakes.push(`--${word.name}: ${outcome.problem}`);
    } else if ('request' in flag) {
      requests.delete(flag.request);
      if (outcome.value === true) requests.add(flag.request);
    } else if ('repeatable' in flag) {
      values[key] = [...(values[key] as unknown[]), outcome.value];
    } else if (!('ignored' in flag)) {
      values[key] = outcome.value;
    }
  }
  mistakes.push(...fillFromEnvironment(table, words, environment, values));
  fillFollowing(table, words, values);
  mistakes.push(...missingFlags(table, words, values));
  // Each key was filled by the kind of its own entry, as the mapped type states.
  return { values: values as Partial<ValuesOf<Table>>, requests, mistakes };
}

/** The defaults of the flags that are not given: an invalid value must not be replaced by the default. */
function initialValues(table: FlagTable, words: readonly Word[]): Record<string, unknown> {
  const values: Record<string, unknown> = {};
  for (const [key, flag] of Object.entries(table)) {
    if ('repeatable' in flag) values[key] = [];
    else if ('default' in flag && !isGiven(key, words)) values[key] = flag.kind.parse(flag.default);
  }
  return values;
}

/**
 * Replaces defaults by environment variables. An invalid variable removes the default, as an invalid flag does.
 * @returns one sentence per mistake
 */
function fillFromEnvironment(
  table: FlagTable,
  words: readonly Word[],
  environment: Environment,
  values: Record<string, unknown>,
): readonly string[] {
  return Object.entries(table).flatMap(([key, flag]) => {
    if (!('environment' in flag) || isGiven(key, words)) return [];
    const text = environment[flag.environment];
    if (text === undefined || text === '') return [];
    const outcome = parseText(flag, text);
    if ('problem' in outcome) {
      delete values[key];
      return [`${flag.environment}: ${outcome.problem}`];
    }
    values[key] = outcome.value;
    return [];
  });
}

/** If the value of the followed flag is invalid, the following flag is left out too. */
function fillFollowing(table: FlagTable, words: readonly Word[], values: Record<string, unknown>): void {
  for (const [key, flag] of Object.entries(table)) {
    if (!('defaultFrom' in flag) || isGiven(key, words)) continue;
    const followed = Object.keys(table).find((other) => table[other]?.name === flag.defaultFrom);
    if (followed !== undefined && followed in values) values[key] = values[followed];
  }
}

function missingFlags(
  table: FlagTable,
  words: readonly Word[],
  values: Readonly<Record<string, unknown>>,
): readonly string[] {
  return Object.entries(table)
    .filter(([key, flag]) => 'required' in flag && !isGiven(key, words) && !isExcused(flag, table, values))
    .map(([, flag]) => `--${flag.name} is required: give it as --${flag.name}=${flag.kind.placeholder}`);
}

/**
 * Whether another flag makes a required one unnecessary. It does so even if its value is invalid, which is already
 * reported.
 */
function isExcused(
  { unless }: RequiredFlag,
  table: FlagTable,
  values: Readonly<Record<string, unknown>>,
): boolean {
  const excuse = Object.keys(table).find((other) => table[other]?.name === unless);
  return excuse !== undefined && !(excuse in values && values[excuse] === undefined);
}

function isGiven(key: string, words: readonly Word[]): boolean {
  return words.some((word) => word.key === key);
}

function parseText(flag: AnyFlag, text: string): { readonly value: unknown } | { readonly problem: string } {
  try {
    return { value: flag.kind.parse(text) };
  } catch (error) {
    if (error instanceof Error) return { problem: error.message };
    throw error;
  }
}
