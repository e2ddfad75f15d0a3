import { describe, expect, expectTypeOf, it } from 'vitest';
import type { FlagTable, ValuesOf } from '../../../src/options/flag.ts';
import { readFlags } from '../../../src/options/read.ts';
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
  // Before the flag that it follows, since the order of the table means nothing.
  nodeLimit: { ...described, name: 'node-limit', kind: integer({ min: -1 }), defaultFrom: 'limit' },
  limit: { ...described, name: 'limit', kind: integer({ min: -1 }), default: '0' },
  help: { ...described, name: 'help', kind: boolean, request: 'help' },
  dropped: { name: 'dropped', kind: boolean, ignored: true },
} as const satisfies FlagTable;

function valuesOf(...argv: string[]) {
  const { values, mistakes } = readFlags(table, argv);
  expect(mistakes).toEqual([]);
  return values;
}

describe('readFlags', () => {
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

  it('takes the next word as the value even where it begins with a dash', () => {
    expect(valuesOf('--limit', '-1').limit).toBe(-1);
  });

  it('gives a boolean a value only after an equals sign', () => {
    expect(valuesOf('--attach', '--limit=1')).toMatchObject({ attach: true, limit: 1 });
    expect(valuesOf('--attach', '--attach=F').attach).toBe(false);
  });

  it('accepts nothing after two dashes alone', () => {
    expect(valuesOf('--limit=1', '--').limit).toBe(1);
    expect(readFlags(table, ['--', '--limit=1']).mistakes).toEqual(['unexpected argument "--limit=1"']);
  });

  it('gives a flag that follows another one its value, unless it has its own', () => {
    expect(valuesOf('--limit=5')).toMatchObject({ limit: 5, nodeLimit: 5 });
    expect(valuesOf('--node-limit=7')).toMatchObject({ limit: 0, nodeLimit: 7 });
  });

  it('leaves out a flag that follows one whose value is wrong, and one whose own value is', () => {
    expect(readFlags(table, ['--limit=many']).values).not.toHaveProperty('nodeLimit');
    const { values, mistakes } = readFlags(table, ['--node-limit=many']);
    expect(values).not.toHaveProperty('nodeLimit');
    expect(mistakes).toHaveLength(1);
  });

  it('asks for a required flag, unless another one stands in for it', () => {
    const required = {
      name: { ...described, name: 'name', kind: text('NAME'), required: true, unless: 'instead' },
      always: { ...described, name: 'always', kind: text('NAME'), required: true },
      instead: { ...described, name: 'instead', kind: optional(integer({ min: 0 })), default: '' },
    } as const satisfies FlagTable;
    const nameMissing = '--name is required: give it as --name=NAME';
    const alwaysMissing = '--always is required: give it as --always=NAME';
    const mistakesOf = (...argv: string[]) => readFlags(required, argv).mistakes;
    expect(mistakesOf()).toEqual([nameMissing, alwaysMissing]);
    expect(mistakesOf('--instead=0')).toEqual([alwaysMissing]);
    expect(mistakesOf('--instead=')).toEqual([nameMissing, alwaysMissing]);
    expect(mistakesOf('--instead=x')).toEqual([expect.stringContaining('"x"'), alwaysMissing]);
    expect(mistakesOf('--name=a', '--always=b')).toEqual([]);
  });

  it('takes back a request that is made false later', () => {
    expect(readFlags(table, ['--help']).requests).toEqual(new Set(['help']));
    expect(readFlags(table, ['--help', '--help=false']).requests).toEqual(new Set());
  });

  it('leaves out a value that is wrong in place of its default', () => {
    const { values, mistakes } = readFlags(table, ['--limit=many']);
    expect(values).not.toHaveProperty('limit');
    expect(mistakes).toEqual(['--limit: "many" is not a whole number from -1 to 2147483647']);
  });

  it('checks the value of an ignored flag', () => {
    expect(readFlags(table, ['--dropped=maybe']).mistakes).toEqual([
      '--dropped: "maybe" is neither true nor false',
    ]);
  });

  it('does not take what is thrown for a mistake when it is no Error', () => {
    const strange = parsed('X', () => {
      throw 'no error at all';
    });
    const broken = { x: { ...described, name: 'x', kind: strange, repeatable: true } } as const;
    expect(() => readFlags(broken, ['--x=1'])).toThrow('no error at all');
  });
});

describe('readFlags tells mistakes:', () => {
  it.each([
    [['--limit'], '--limit needs a value, as in --limit=N'],
    [['---limit'], '"---limit" is not a flag: one or two dashes and a name are expected'],
    [['--=x'], '"--=x" is not a flag: one or two dashes and a name are expected'],
    [['-'], 'unexpected argument "-"'],
    [[''], 'unexpected argument ""'],
    [['--limt=1'], '--limt is not a flag of this driver: did you mean --limit?'],
    [['--limt', '1'], '--limt is not a flag of this driver: did you mean --limit?'],
    [['--zzz'], '--zzz is not a flag of this driver: see --help'],
    [
      ['--attach', 'false'],
      'unexpected argument "false": a boolean takes its value after "=", as in --attach=false',
    ],
    [['--capacity=fast=lots'], '--capacity: "lots" is not a size such as 1099511627776, 500M or 1.5Gi'],
  ])('%j', (argv, mistake) => {
    expect(readFlags(table, argv).mistakes).toEqual([mistake]);
  });

  it('all of them, in the order of the command line', () => {
    const { mistakes } = readFlags(table, ['--zzz', '--limit=x', 'word', '--attach=2', '--', 'end']);
    expect(mistakes).toEqual([
      '--zzz is not a flag of this driver: see --help',
      '--limit: "x" is not a whole number from -1 to 2147483647',
      'unexpected argument "word"',
      '--attach: "2" is neither true nor false',
      'unexpected argument "end"',
    ]);
  });
});
