import type { AnyFlag, FlagTable, RequestFlag, RequiredFlag, ValuesOf } from './flag.ts';
import { readWords, type Word } from './words.ts';

/** Environment variables by name, as in `process.env`. */
export type Environment = Readonly<Record<string, string | undefined>>;

/** What a command line says by a table of flags. */
export interface Reading<Table extends FlagTable> {
  /** Complete when there are no mistakes; a value that was given wrongly is left out. */
  readonly values: Partial<ValuesOf<Table>>;
  readonly requests: ReadonlySet<RequestFlag['request']>;
  /** A sentence for every mistake: in the order of the command line, then in the environment, then each missing flag. */
  readonly mistakes: readonly string[];
}

/** Reads a command line (without the name of the program). Throws only where a default in the table is wrong. */
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
  // Each key was filled by the kind of its own entry, which is what the mapped type says.
  return { values: values as Partial<ValuesOf<Table>>, requests, mistakes };
}

/** Defaults, except where the flag is given: a wrong value must not look like the default one. */
function initialValues(table: FlagTable, words: readonly Word[]): Record<string, unknown> {
  const values: Record<string, unknown> = {};
  for (const [key, flag] of Object.entries(table)) {
    if ('repeatable' in flag) values[key] = [];
    else if ('default' in flag && !isGiven(key, words)) values[key] = flag.kind.parse(flag.default);
  }
  return values;
}

/**
 * Puts variables of the environment in the place of defaults. A wrong one takes the default away, as a wrong flag does.
 * @returns a sentence for every mistake
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

/** A flag that follows another one is left out with it where that one's value is wrong. */
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

/** Whether another flag stands in for a required one. Where its value is wrong it does: that is mistake enough. */
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
