import { createHash } from 'node:crypto';
import { quote } from '../errors.ts';
import type { Volume } from './volume.ts';

/** What a name is made from. */
export type Named = Pick<Volume, 'id' | 'name' | 'claim' | 'pool'>;

/** The parts of a path, each a safe file name. */
export type NamePath = readonly string[];

const variables: Readonly<Record<string, (volume: Named) => string | undefined>> = {
  'pvc.namespace': ({ claim }) => claim?.namespace,
  'pvc.name': ({ claim }) => claim?.name,
  'pv.name': ({ name }) => name,
  'volume.id': ({ id }) => id,
  'pool.name': ({ pool }) => pool,
};

const variablePattern = /\$\{([^{}$]*)\}/g;
const LONGEST_TEMPLATE = 1024;
const MOST_PARTS = 16;
// Of a file name, in all file systems of pools.
const LONGEST_PART_BYTES = 255;
const HASH_DIGITS = 8;

/** What is wrong with a template for every volume, as the end of a sentence; undefined if nothing is. */
export function templateProblem(template: string): string | undefined {
  if (template.length > LONGEST_TEMPLATE) return `must have at most ${LONGEST_TEMPLATE} characters`;
  const names = [...template.matchAll(variablePattern)].map(([, name = '']) => name);
  const unknown = names.find((name) => !Object.hasOwn(variables, name));
  if (unknown !== undefined) {
    const known = Object.keys(variables).map((name) => `\${${name}}`);
    return `has the unknown variable ${quote(unknown)}; expected one of ${known.join(', ')}`;
  }
  const text = template.replace(variablePattern, 'x');
  if (!/^[\w./-]*$/.test(text)) return 'must have only letters, digits, ".", "_", "-", "/" and variables';
  return pathProblem(text.split('/'));
}

/** Whether a template needs the claim of a volume. */
export function needsClaim(template: string): boolean {
  return [...template.matchAll(variablePattern)].some(([, name = '']) => name.startsWith('pvc.'));
}

/** What is wrong with the name that a sound template gives a volume; undefined if nothing is. */
export function nameProblem(template: string, volume: Named): string | undefined {
  return pathProblem(partsOf(template, volume));
}

/**
 * The name that a template gives a volume, and others in case that is taken: the last part, or all, with a hash of the id.
 * @returns none if there is none, since what was checked when the volume was created has changed
 */
export function namesOf(template: string, volume: Named): readonly NamePath[] {
  const parts = partsOf(template, volume);
  if (templateProblem(template) !== undefined || pathProblem(parts) !== undefined) return [];
  const plain = parts.map((part) => (part.length <= LONGEST_PART_BYTES ? part : withHash(part, part)));
  const withId = (part: string) => withHash(part, volume.id);
  return [plain, plain.with(-1, withId(plain.at(-1) ?? '')), plain.map(withId)];
}

function partsOf(template: string, volume: Named): string[] {
  const name = template.replace(variablePattern, (_, variable: string) =>
    safe(variables[variable]?.(volume) ?? ''),
  );
  return name.split('/');
}

/** A value never makes a part of its own, whatever the caller has put into it. */
function safe(value: string): string {
  return value.replace(/[^\w.-]/gu, '_');
}

function pathProblem(parts: readonly string[]): string | undefined {
  if (parts.every((part) => part === '')) return 'gives an empty name';
  if (parts[0] === '') return 'gives an absolute path';
  if (parts.includes('')) return 'gives a path with an empty part';
  if (parts.some((part) => part === '.' || part === '..')) return 'gives a path with the part "." or ".."';
  return parts.length <= MOST_PARTS ? undefined : `gives a path with more than ${MOST_PARTS} parts`;
}

/** All characters are ASCII, so that they are bytes. */
function withHash(part: string, hashed: string): string {
  const hash = createHash('sha256').update(hashed).digest('hex').slice(0, HASH_DIGITS);
  return `${part.slice(0, LONGEST_PART_BYTES - HASH_DIGITS - 1)}-${hash}`;
}
