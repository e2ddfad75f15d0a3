import { describe, expect, it } from 'vitest';
import {
  absolutePath,
  boolean,
  bytes,
  fileMode,
  integer,
  listOf,
  named,
  oneOf,
  optional,
  parsed,
  text,
  thousandths,
} from '../../../src/options/values.ts';

describe('The kinds of values', () => {
  it.each(['1', 't', 'T', 'true', 'TRUE', 'True'])('read the boolean %s as true', (given) => {
    expect(boolean.parse(given)).toBe(true);
  });

  it.each(['0', 'f', 'F', 'false', 'FALSE', 'False'])('read the boolean %s as false', (given) => {
    expect(boolean.parse(given)).toBe(false);
  });

  it.each(['', 'yes', 'tRUE', '2'])('refuse the boolean %j', (given) => {
    expect(() => boolean.parse(given)).toThrow(`${JSON.stringify(given)} must be true or false`);
  });

  it('read integers up to both bounds', () => {
    const kind = integer({ min: -1, max: 20 });
    expect(['-1', '-0', '+3', '20'].map((given) => kind.parse(given))).toEqual([-1, 0, 3, 20]);
  });

  it('limit integers to an int32 by default', () => {
    expect(integer({ min: 0 }).parse('2147483647')).toBe(2_147_483_647);
    expect(() => integer({ min: 0 }).parse('2147483648')).toThrow('from 0 to 2147483647');
  });

  it.each(['', '-2', '21', '1.5', '1e1', '0x10', '010', ' 1', 'ten'])('refuse the integer %j', (given) => {
    expect(() => integer({ min: -1, max: 20 }).parse(given)).toThrow(
      `${JSON.stringify(given)} must be a whole number from -1 to 20`,
    );
  });

  it('read sizes as exact bytes', () => {
    expect(bytes.parse('1Ti')).toBe(2n ** 40n);
  });

  it('refuse a size of zero', () => {
    expect(() => bytes.parse('0Gi')).toThrow('"0Gi" must be at least one byte');
  });

  it.each(['0770', '770', '0o770'])('read the file mode %s as octal', (given) => {
    expect(fileMode.parse(given)).toBe(0o770);
  });

  it.each(['', '0799', '77', '04770', '00770', '-770', 'rwx'])('refuse the file mode %j', (given) => {
    expect(() => fileMode.parse(given)).toThrow(
      `${JSON.stringify(given)} must be an octal file mode such as 0770`,
    );
  });

  it('drop doubled and trailing slashes from a path', () => {
    expect(['/a//b/', '/', '//a/./b..c'].map((given) => absolutePath.parse(given))).toEqual([
      '/a/b',
      '/',
      '/a/b..c',
    ]);
  });

  it.each(['', 'data', './data'])('refuse the path %j, which is not absolute', (given) => {
    expect(() => absolutePath.parse(given)).toThrow(`${JSON.stringify(given)} must be an absolute path`);
  });

  it('refuse a path with ..', () => {
    expect(() => absolutePath.parse('/a/../b')).toThrow('"/a/../b" must not contain ".."');
  });

  it('read one of several words and refuse any other', () => {
    const kind = oneOf('json', 'pretty');
    expect(kind.parse('pretty')).toBe('pretty');
    expect(() => kind.parse('xml')).toThrow('"xml" must be one of json, pretty');
  });

  it('read an optional value', () => {
    expect(optional(integer({ min: 0 })).parse('')).toBeUndefined();
    expect(optional(integer({ min: 0 })).parse('0')).toBe(0);
    expect(() => optional(fileMode).parse('x')).toThrow('"x" must be an octal file mode');
  });

  it('read lists, where an empty text is an empty list', () => {
    expect(listOf(integer({ min: 0 })).parse('3,1')).toEqual([3, 1]);
    expect(listOf(text('NAME')).parse('')).toEqual([]);
  });

  it('refuse a list with a wrong item and quote the item', () => {
    expect(() => listOf(fileMode).parse('700,x')).toThrow('"x" must be an octal file mode');
  });

  it('read a named value up to the first equals sign', () => {
    expect(named(text('VALUE')).parse('a=b=c')).toEqual({ name: 'a', value: 'b=c' });
    expect(named(bytes)).toMatchObject({
      placeholder: 'NAME=SIZE',
      forms: `a name, an equals sign, and ${bytes.forms}`,
    });
  });

  it.each(['fast', '=1Gi', ''])('refuse %j as a named value', (given) => {
    expect(() => named(bytes).parse(given)).toThrow(`${JSON.stringify(given)} must have the form NAME=SIZE`);
  });

  it.each([
    ['1', 1000n],
    ['1.0', 1000n],
    ['1.5', 1500n],
    ['1.005', 1005n],
    ['01.25', 1250n],
    ['20', 20_000n],
  ])('read the ratio %s as exactly %d thousandths', (given, value) => {
    expect(thousandths({ min: 1, max: 20 }).parse(given)).toBe(value);
  });

  it.each([
    '',
    '0.999',
    '20.001',
    '1.0005',
    '1,5',
    '.5',
    '1.',
    '-2',
    '+2',
    '1e1',
    '150%',
    'NaN',
    '9'.repeat(40),
  ])('refuse the ratio %j', (given) => {
    expect(() => thousandths({ min: 1, max: 20 }).parse(given)).toThrow(
      `${JSON.stringify(given)} must be a number from 1 to 20 with at most three decimals`,
    );
  });

  it('use the function of a flag', () => {
    expect(parsed('URL', (given) => new URL(given)).parse('tcp://host:1').port).toBe('1');
  });
});
