import { parseArgs } from 'node:util';
import { nearestName } from '../text/nearest-name.ts';
import { type AnyFlag, type FlagTable, namesOf } from './flag.ts';

/** One flag of the command line with the text of its value, or an error. */
export type Argument =
  | {
      readonly kind: 'flag';
      readonly key: string;
      readonly flag: AnyFlag;
      /** The name as given, which may be an alias. */
      readonly name: string;
      readonly text: string;
    }
  /** The key is empty if the error concerns no flag of the table. */
  | { readonly kind: 'error'; readonly key: string; readonly message: string };

type Entries = ReadonlyMap<string, { readonly key: string; readonly flag: AnyFlag }>;
type Token = ReturnType<typeof tokensOf>[number];

/**
 * Splits a command line by the rules of Go's flag package, in its order.
 *
 * Go stops at the first word that is not a flag. Here such a word is an error, and parsing continues so that all errors
 * are reported at once; nothing is accepted that Go would not accept.
 */
export function parseArguments(table: FlagTable, argv: readonly string[]): readonly Argument[] {
  const entries: Entries = new Map(
    Object.entries(table).flatMap(([key, flag]) => namesOf(flag).map((name) => [name, { key, flag }])),
  );
  const tokens = tokensOf(argv, entries);
  return tokens.flatMap((token, index) => {
    if (token.kind === 'option') return [parseOption(token, argv, entries)];
    if (token.kind === 'option-terminator') return [];
    return positionalErrors(argv[token.index] ?? '', tokens[index - 1], entries);
  });
}

function tokensOf(argv: readonly string[], entries: Entries) {
  const options = [...entries].map(
    ([name, { flag }]) => [name, { type: flag.kind.takesNextWord ? 'string' : 'boolean' }] as const,
  );
  // In Go, one dash before a long name means the same as two. This also changes words that are not flags, such as the
  // value -1, so every word except NAME=VALUE is read from argv by the index of its token.
  const args = argv.map((word) => word.replace(/^-(?=[^-])/, '--'));
  return parseArgs({ args, options: Object.fromEntries(options), strict: false, tokens: true }).tokens;
}

function parseOption(
  { name, index, inlineValue, value }: Extract<Token, { kind: 'option' }>,
  argv: readonly string[],
  entries: Entries,
): Argument {
  if (/^[-=]/.test(name)) {
    return error(`invalid flag ${JSON.stringify(argv[index])}; expected one or two dashes and a name`);
  }
  const entry = entries.get(name);
  if (entry === undefined) {
    const nearest = nearestName(name, [...entries.keys()]);
    const advice = nearest === undefined ? 'see --help' : `did you mean --${nearest}?`;
    return error(`unknown flag --${name}; ${advice}`);
  }
  const { placeholder, takesNextWord } = entry.flag.kind;
  const text = inlineValue ? value : takesNextWord ? argv[index + 1] : 'true';
  if (text === undefined) return error(`--${name} needs a value, as in --${name}=${placeholder}`, entry.key);
  return { kind: 'flag', ...entry, name, text };
}

function positionalErrors(word: string, before: Token | undefined, entries: Entries): readonly Argument[] {
  const message = `unexpected argument ${JSON.stringify(word)}`;
  if (before?.kind !== 'option') return [error(message)];
  const entry = entries.get(before.name);
  // The word after an unknown flag is most likely its value, not a second error.
  if (entry === undefined) return before.inlineValue ? [error(message)] : [];
  if (entry.flag.kind.takesNextWord) return [error(message)];
  return [error(`${message}; a boolean flag takes its value after "=", as in --${before.name}=false`)];
}

function error(message: string, key = ''): Argument {
  return { kind: 'error', key, message };
}
