import { nearestName } from '../text/nearest-name.ts';
import { type AnyFlag, type FlagTable, namesOf } from './flag.ts';

/** The meaning of one or two words of a command line: a flag of the table with its text, or a mistake. */
export type Word =
  | {
      readonly kind: 'flag';
      readonly key: string;
      readonly flag: AnyFlag;
      readonly name: string;
      readonly text: string;
    }
  /** The key is empty if the mistake concerns no flag of the table. */
  | { readonly kind: 'mistake'; readonly key: string; readonly sentence: string };

interface Entry {
  readonly key: string;
  readonly flag: AnyFlag;
}

/**
 * Splits a command line by the rules of Go's flag package, in its order.
 *
 * Go stops at the first word that is not a flag. Here such a word is always a mistake, and parsing continues so that
 * all mistakes are reported at once; nothing is accepted that Go would not accept.
 */
export function readWords(table: FlagTable, argv: readonly string[]): readonly Word[] {
  const entries = entriesByName(table);
  const words: Word[] = [];
  const rest = [...argv];
  for (let word = rest.shift(); word !== undefined; word = rest.shift()) {
    if (word === '--') {
      words.push(...rest.map((argument) => mistake(`unexpected argument ${JSON.stringify(argument)}`)));
      break;
    }
    words.push(isFlag(word) ? readFlag(word, rest, entries) : mistake(unexpected(word, words.at(-1))));
  }
  return words;
}

function entriesByName(table: FlagTable): ReadonlyMap<string, Entry> {
  return new Map(
    Object.entries(table).flatMap(([key, flag]) => namesOf(flag).map((name) => [name, { key, flag }])),
  );
}

/** Reads one flag, taking its value from `rest` if it is the next word. */
function readFlag(word: string, rest: string[], entries: ReadonlyMap<string, Entry>): Word {
  const match = /^--?([^-=][^=]*)(?:=(.*))?$/s.exec(word);
  const name = match?.[1];
  if (name === undefined) {
    return mistake(`${JSON.stringify(word)} is not a flag: one or two dashes and a name are expected`);
  }
  const entry = entries.get(name);
  if (entry === undefined) return unknownFlag(name, match?.[2], rest, entries);
  const text = match?.[2] ?? (entry.flag.kind.takesNextWord ? rest.shift() : 'true');
  if (text === undefined) {
    return mistake(`--${name} needs a value, as in --${name}=${entry.flag.kind.placeholder}`, entry.key);
  }
  return { kind: 'flag', ...entry, name, text };
}

function unknownFlag(
  name: string,
  text: string | undefined,
  rest: string[],
  entries: ReadonlyMap<string, Entry>,
): Word {
  // The word after an unknown flag is most likely its value, not a second mistake.
  if (text === undefined && rest[0] !== undefined && !isFlag(rest[0])) rest.shift();
  const nearest = nearestName(name, [...entries.keys()]);
  const advice = nearest === undefined ? 'see --help' : `did you mean --${nearest}?`;
  return mistake(`--${name} is not a flag of this driver: ${advice}`);
}

function unexpected(word: string, before: Word | undefined): string {
  const sentence = `unexpected argument ${JSON.stringify(word)}`;
  if (before?.kind !== 'flag' || before.flag.kind.takesNextWord) return sentence;
  return `${sentence}: a boolean takes its value after "=", as in --${before.name}=false`;
}

// As in Go, a single dash is an argument.
function isFlag(word: string): boolean {
  return word.startsWith('-') && word.length > 1;
}

function mistake(sentence: string, key = ''): Word {
  return { kind: 'mistake', key, sentence };
}
