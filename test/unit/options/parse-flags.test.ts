import { describe, expect, expectTypeOf, it } from 'vitest';
import type { FlagTable, ValuesOf } from '../../../src/options/flag.ts';
import { parseFlags } from '../../../src/options/parse-flags.ts';
import {
  boolean,
  bytes,
  integer,
  listOf,
  named,
  optional,
  parsed,
  text,
} from '../../../src/options/values.ts';

const described = { group: 'Test', meaning: 'A flag for a test.' };
const table = {
  capacity: { ...described, name: 'capacity', kind: named(bytes), repeatable: true },
  names: { ...described, name: 'names', aliases: ['old-names'], kind: listOf(text('NAME')), default: 'a,b' },
  attach: { ...described, name: 'attach', kind: boolean, default: 'false' },
  // Before the flag that it follows, since the order of the table is irrelevant.
  nodeLimit: { ...described, name: 'node-limit', kind: integer({ min: -1 }), defaultFrom: 'limit' },
  limit: { ...described, name: 'limit', kind: integer({ min: -1 }), default: '0' },
  help: { ...described, name: 'help', kind: boolean, request: 'help' },
  dropped: { name: 'dropped', kind: boolean, ignored: true },
} as const satisfies FlagTable;

function valuesOf(...argv: string[]) {
  const { values, errors } = parseFlags(table, argv);
  expect(errors).toEqual([]);
  return values;
}

describe('parseFlags', () => {
  it('infers exact types from the table', () => {
    expectTypeOf<ValuesOf<typeof table>>().toEqualTypeOf<{
      readonly capacity: readonly { readonly name: string; readonly value: bigint }[];
      readonly names: readonly string[];
      readonly attach: boolean;
      readonly nodeLimit: number;
      readonly limit: number;
    }>();
  });

  it('fills in every default and leaves out requests and ignored flags', () => {
    expect(valuesOf('--dropped')).toEqual({
      capacity: [],
      names: ['a', 'b'],
      attach: false,
      limit: 0,
      nodeLimit: 0,
    });
  });

  it('collects every occurrence of a repeatable flag in order', () => {
    expect(valuesOf('--capacity', 'slow=1Ki', '--capacity=fast=2').capacity).toEqual([
      { name: 'slow', value: 1024n },
      { name: 'fast', value: 2n },
    ]);
  });

  it('keeps the last occurrence of any other flag, under its old name too', () => {
    expect(valuesOf('--names=x', '--old-names=y,z').names).toEqual(['y', 'z']);
  });

  it.each([['-limit=5'], ['--limit=5'], ['-limit', '5'], ['--limit', '5']])('reads %s %s', (...argv) => {
    expect(valuesOf(...argv).limit).toBe(5);
  });

  it('reads the next word as the value even if it begins with a dash', () => {
    expect(valuesOf('--limit', '-1').limit).toBe(-1);
  });

  it.each(['-x', '--limit=1', '--', '-'])('keeps a value that is its own word as it is: %s', (value) => {
    expect(valuesOf('-names', value).names).toEqual([value]);
  });

  it('gives a boolean a value only after an equals sign', () => {
    expect(valuesOf('--attach', '--limit=1')).toMatchObject({ attach: true, limit: 1 });
    expect(valuesOf('--attach', '--attach=F').attach).toBe(false);
  });

  it('accepts nothing after a bare double dash', () => {
    expect(valuesOf('--limit=1', '--').limit).toBe(1);
    expect(parseFlags(table, ['--', '--limit=1']).errors).toEqual(['unexpected argument "--limit=1"']);
  });

  it('gives a flag that follows another one its value, unless it has its own', () => {
    expect(valuesOf('--limit=5')).toMatchObject({ limit: 5, nodeLimit: 5 });
    expect(valuesOf('--node-limit=7')).toMatchObject({ limit: 0, nodeLimit: 7 });
  });

  it('leaves out a flag that follows one with an invalid value, and one with an invalid value of its own', () => {
    expect(parseFlags(table, ['--limit=many']).values).not.toHaveProperty('nodeLimit');
    const { values, errors } = parseFlags(table, ['--node-limit=many']);
    expect(values).not.toHaveProperty('nodeLimit');
    expect(errors).toHaveLength(1);
  });

  it('requires a required flag, unless another one replaces it', () => {
    const required = {
      name: { ...described, name: 'name', kind: text('NAME'), required: true, unless: 'instead' },
      always: { ...described, name: 'always', kind: text('NAME'), required: true },
      instead: { ...described, name: 'instead', kind: optional(integer({ min: 0 })), default: '' },
    } as const satisfies FlagTable;
    const nameMissing = '--name=NAME is required';
    const alwaysMissing = '--always=NAME is required';
    const errorsOf = (...argv: string[]) => parseFlags(required, argv).errors;
    expect(errorsOf()).toEqual([nameMissing, alwaysMissing]);
    expect(errorsOf('--instead=0')).toEqual([alwaysMissing]);
    expect(errorsOf('--instead=')).toEqual([nameMissing, alwaysMissing]);
    expect(errorsOf('--instead=x')).toEqual([expect.stringContaining('"x"'), alwaysMissing]);
    expect(errorsOf('--name=a', '--always=b')).toEqual([]);
  });

  it('cancels a request that is set to false later', () => {
    expect(parseFlags(table, ['--help']).requests).toEqual(new Set(['help']));
    expect(parseFlags(table, ['--help', '--help=false']).requests).toEqual(new Set());
  });

  it('omits an invalid value without using its default', () => {
    const { values, errors } = parseFlags(table, ['--limit=many']);
    expect(values).not.toHaveProperty('limit');
    expect(errors).toEqual(['--limit: "many" must be a whole number from -1 to 2147483647']);
  });

  it('checks the value of an ignored flag', () => {
    expect(parseFlags(table, ['--dropped=maybe']).errors).toEqual([
      '--dropped: "maybe" must be true or false',
    ]);
  });

  it('rethrows a thrown value that is not an Error', () => {
    const strange = parsed('X', () => {
      throw 'no error at all';
    });
    const broken = { x: { ...described, name: 'x', kind: strange, repeatable: true } } as const;
    expect(() => parseFlags(broken, ['--x=1'])).toThrow('no error at all');
  });
});

describe('parseFlags reports errors:', () => {
  it.each([
    [['--limit'], '--limit needs a value, as in --limit=N'],
    [['---limit'], 'invalid flag "---limit"; expected one or two dashes and a name'],
    [['--=x'], 'invalid flag "--=x"; expected one or two dashes and a name'],
    [['-'], 'unexpected argument "-"'],
    [[''], 'unexpected argument ""'],
    [['--limt=1'], 'unknown flag --limt; did you mean --limit?'],
    [['--limt', '1'], 'unknown flag --limt; did you mean --limit?'],
    [['--zzz'], 'unknown flag --zzz; see --help'],
    [
      ['--attach', 'false'],
      'unexpected argument "false"; a boolean flag takes its value after "=", as in --attach=false',
    ],
    [['--limit', '1', 'word'], 'unexpected argument "word"'],
    [['--zzz=1', '--limit=1'], 'unknown flag --zzz; see --help'],
    [['---limit', '1'], 'invalid flag "---limit"; expected one or two dashes and a name'],
    [['--capacity=fast=lots'], '--capacity: "lots" is not a size such as 1099511627776, 500M or 1.5Gi'],
  ])('%j', (argv, error) => {
    expect(parseFlags(table, argv).errors).toEqual([error]);
  });

  it('every word after two dashes, and after an unknown flag that has its value', () => {
    expect(parseFlags(table, ['--zzz=1', 'word', '--attach', '--', 'false', '-v']).errors).toEqual([
      'unknown flag --zzz; see --help',
      'unexpected argument "word"',
      'unexpected argument "false"',
      'unexpected argument "-v"',
    ]);
  });

  it('all of them, in the order of the command line', () => {
    const { errors } = parseFlags(table, ['--zzz', '--limit=x', 'word', '--attach=2', '--', 'end']);
    expect(errors).toEqual([
      'unknown flag --zzz; see --help',
      '--limit: "x" must be a whole number from -1 to 2147483647',
      'unexpected argument "word"',
      '--attach: "2" must be true or false',
      'unexpected argument "end"',
    ]);
  });
});
