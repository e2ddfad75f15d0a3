import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { assembledMessages, foreignMessages } from './foreign-messages.ts';

const HEADER = '| symptom | cause | what to do |';

const guides = markdownBelow('docs/guides');

describe.each(guides)('%s', (path) => {
  const text = readFileSync(path, 'utf8');
  const rows = symptomsOf(text);

  test('ends with a table of symptoms', () => {
    expect(rows.length).toBeGreaterThan(0);
    expect(text.trimEnd().split('\n').at(-1)).toMatch(/^\|.*\|$/);
  });

  test('quotes messages that the driver, or another program, really has', () => {
    const unknown = rows.flatMap(messagesIn).filter((message) => !isKnown(message));
    expect(unknown).toEqual([]);
  });
});

test('a message that is not in the source is found', () => {
  expect(
    messagesIn('| a claim: `parameters.pool: "x" is an unknown pool; available: …` | | |').map(isKnown),
  ).toEqual([true]);
  expect(messagesIn('| a claim: `parameters.pool: "x" is no pool` | | |').map(isKnown)).toEqual([false]);
});

/** The rows of the last table of a page, if it is one of symptoms. */
function symptomsOf(text: string): string[] {
  const lines = text.split('\n');
  const start = lines.lastIndexOf(HEADER);
  return start < 0 ? [] : lines.slice(start + 2).filter((line) => line.startsWith('|'));
}

/** The messages in the symptom of a row: what is in code and has a space, but is no command. */
function messagesIn(row: string): string[] {
  const [, symptom = ''] = row.split(/(?<!\\)\|/);
  return [...symptom.matchAll(/`([^`]+)`/g)]
    .map(([, code = '']) => code)
    .filter((code) => code.includes(' ') && !/^(?:kubectl|helm|kind) /.test(code));
}

/**
 * Whether a message consists of pieces that occur in the source. "…" and quoted values stand for anything. Messages are
 * put together at punctuation marks.
 */
function isKnown(message: string): boolean {
  if (foreignMessages.has(message) || assembledMessages.has(message)) return true;
  // The field of a request that the message is about is added elsewhere.
  const withoutField = message.replace(/^[a-z_]+(?:\.[A-Za-z_]+)*: /, '');
  const pieces = withoutField
    .split(/…|"[^"]*"|[;()]|: /)
    .map((piece) => piece.trim())
    .filter((piece) => /\w{2}/.test(piece));
  return pieces.length > 0 && pieces.every((piece) => source.some((text) => text.includes(piece)));
}

/** The texts in the source: string and template literals, without the values inserted into them. */
const source = filesBelow('src')
  .filter((path) => path.endsWith('.ts') && !path.includes('/generated/'))
  .flatMap((path) => literalsIn(readFileSync(path, 'utf8')));

function literalsIn(text: string): string[] {
  const literals = text.match(/`(?:[^`\\]|\\.)*`|'(?:[^'\\\n]|\\.)*'|"(?:[^"\\\n]|\\.)*"/g) ?? [];
  return literals.map((literal) =>
    literal
      .slice(1, -1)
      .replace(/\$\{(?:[^{}]|\{[^{}]*\})*\}/g, '\n')
      .replace(/\\(.)/g, '$1'),
  );
}

function markdownBelow(directory: string): string[] {
  return filesBelow(directory).filter((path) => path.endsWith('.md'));
}

function filesBelow(directory: string): string[] {
  return readdirSync(directory, { withFileTypes: true }).flatMap((entry) => {
    const path = join(directory, entry.name);
    return entry.isDirectory() ? filesBelow(path) : [path];
  });
}
