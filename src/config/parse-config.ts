import { Lexer, Parser, parseDocument } from 'yaml';
import * as z from 'zod';
import { parsePoolName } from '../options/names.ts';
import { absolutePath, bytes } from '../options/values.ts';
import { nearestName } from '../text/nearest-name.ts';
import { truncateText } from '../text/truncate-text.ts';
import { parseDiskReserve } from '../units/disk-reserve.ts';
import { parseNodePattern } from './node-pattern.ts';

/** A value that is written as in a flag. */
function parsed<Value>(parse: (text: string) => Value) {
  return z.string().transform((text, context) => {
    try {
      return parse(text);
    } catch (error) {
      context.addIssue({ code: 'custom', message: error instanceof Error ? error.message : String(error) });
      return z.NEVER;
    }
  });
}

const poolEntry = z.strictObject({
  name: parsed(parsePoolName),
  path: parsed(absolutePath.parse),
  capacity: parsed(bytes.parse).optional(),
  reserve: parsed(parseDiskReserve).optional(),
  nodes: z.array(parsed(parseNodePattern)).min(1).optional(),
});

const configFile = z.strictObject({ pools: z.array(poolEntry) });

/** A pool in the file; sizes in bytes. */
export type PoolEntry = z.output<typeof poolEntry>;

type Issue = z.core.$ZodIssue;

/**
 * Parses the text of a configuration file.
 * @returns its pools, or one sentence for each problem, with the field and its value
 */
export function parseConfig(
  text: string,
): { entries: readonly PoolEntry[] } | { problems: readonly string[] } {
  const document = parseYaml(text);
  if ('problems' in document) return document;
  const result = configFile.safeParse(document.value);
  if (result.success) return { entries: result.data.pools };
  return { problems: result.error.issues.flatMap((issue) => problemsOf(issue, document.value)) };
}

function parseYaml(text: string): { value: unknown } | { problems: readonly string[] } {
  if (isTooDeep(text)) return { problems: [yamlProblem('it is nested too deeply')] };
  try {
    // In this schema every scalar is a text, so values mean the same as in a flag: no octal numbers, no dates.
    const document = parseDocument(text, { schema: 'failsafe', logLevel: 'error' });
    const found = [...document.errors, ...document.warnings];
    if (found.length > 0) return { problems: found.map(({ message }) => yamlProblem(message)) };
    return { value: document.toJS() };
  } catch (error) {
    // An alias without an anchor, or aliases that expand to too much.
    return { problems: [yamlProblem(error instanceof Error ? error.message : String(error))] };
  }
}

const MAX_DEPTH = 50;

/** The composer of the library calls itself for each level, and ends the process when the stack is full. */
function isTooDeep(text: string): boolean {
  const parser = new Parser();
  for (const lexeme of new Lexer().lex(text)) {
    // It reads the lexeme while the result, the finished documents, is iterated.
    Array.from(parser.next(lexeme));
    if (parser.stack.length > MAX_DEPTH) return true;
  }
  return false;
}

/** The message without the excerpt from the file that follows it. */
function yamlProblem(message: string): string {
  const [sentence = ''] = message.split('\n');
  return `not valid YAML: ${sentence.replace(/:$/, '')}`;
}

function problemsOf(issue: Issue, document: unknown): string[] {
  const field = fieldOf(issue.path);
  const value = valueAt(document, issue.path);
  switch (issue.code) {
    case 'unrecognized_keys':
      return issue.keys.map((key) => prefixed(field, unknownKey(key, issue.path)));
    case 'invalid_type':
      if (value === undefined || value === null) return [`${field || 'pools'} is required`];
      return [prefixed(field, `${shown(value)} must be ${kinds[issue.expected] ?? issue.expected}`)];
    case 'too_small':
      return [
        prefixed(field, `${shown(value)} must have an entry; without ${field}, all nodes have the pool`),
      ];
    default:
      return [prefixed(field, issue.message)];
  }
}

const kinds: Readonly<Record<string, string>> = {
  array: 'a list',
  object: 'a mapping of keys to values',
  string: 'a single value',
};

function unknownKey(key: string, path: Issue['path']): string {
  const known = Object.keys((path.length === 0 ? configFile : poolEntry).shape);
  const nearest = nearestName(key, known);
  const advice = nearest === undefined ? `expected one of ${known.join(', ')}` : `did you mean ${nearest}?`;
  return `unknown key ${JSON.stringify(key)}; ${advice}`;
}

/** A field as users write it: `pools[0].reserve`; empty for the whole file. */
function fieldOf(path: Issue['path']): string {
  return path
    .map((key, index) => (typeof key === 'number' ? `[${key}]` : `${index === 0 ? '' : '.'}${String(key)}`))
    .join('');
}

function prefixed(field: string, problem: string): string {
  return field === '' ? problem : `${field}: ${problem}`;
}

function valueAt(document: unknown, path: Issue['path']): unknown {
  return path.reduce<unknown>((value, key) => (value as Record<PropertyKey, unknown>)[key], document);
}

const SHOWN_BYTES = 200;

function shown(value: unknown): string {
  return truncateText(JSON.stringify(value), SHOWN_BYTES);
}
