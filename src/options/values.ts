import { posix } from 'node:path';
import { parseQuantityBytes } from '../units/quantity.ts';
import { parseDurationMs } from './duration.ts';
import type { ValueKind } from './flag.ts';

/**
 * A value parsed by the caller's function, which throws an Error with a sentence that quotes the text. `forms` is for
 * help, and may be empty if the flag's meaning says what is accepted.
 */
export function parsed<Value>(
  placeholder: string,
  parse: (text: string) => Value,
  forms = '',
): ValueKind<Value> {
  return { placeholder, forms, takesNextWord: true, parse };
}

/** Any text, including the empty one. */
export function text(placeholder: string): ValueKind<string> {
  return parsed(placeholder, (given) => given);
}

/** An optional value: the empty text means undefined. */
export function optional<Value>(kind: ValueKind<Value>): ValueKind<Value | undefined> {
  return { ...kind, parse: (given) => (given === '' ? undefined : kind.parse(given)) };
}

// As in Go's strconv.ParseBool.
const trueWords = new Set(['1', 't', 'T', 'true', 'TRUE', 'True']);
const falseWords = new Set(['0', 'f', 'F', 'false', 'FALSE', 'False']);

/** A boolean; without a value it means true. */
export const boolean: ValueKind<boolean> = {
  placeholder: '',
  forms: '',
  takesNextWord: false,
  parse(given) {
    if (trueWords.has(given)) return true;
    if (falseWords.has(given)) return false;
    throw new Error(`${JSON.stringify(given)} must be true or false`);
  },
};

/** A decimal integer between two inclusive bounds. The default upper bound is the largest int32. */
export function integer(bounds: { readonly min: number; readonly max?: number }): ValueKind<number> {
  const { min, max = 2 ** 31 - 1 } = bounds;
  return parsed(
    'N',
    (given) => {
      // Leading zeros are rejected because Go reads 010 as octal and people read it as ten.
      const value = /^[+-]?(?:0|[1-9]\d*)$/.test(given) ? Number(given) : Number.NaN;
      // Adding 0 turns -0 into 0.
      if (value >= min && value <= max) return value + 0;
      throw new Error(`${JSON.stringify(given)} must be a whole number from ${min} to ${max}`);
    },
    'a whole number in decimal',
  );
}

/**
 * A ratio in whole thousandths, so that sizes can be multiplied by it exactly. Both bounds are whole ratios and
 * inclusive.
 */
export function thousandths(bounds: { readonly min: number; readonly max: number }): ValueKind<bigint> {
  const { min, max } = bounds;
  return parsed(
    'RATIO',
    (given) => {
      const [, whole, decimals = ''] = /^(\d{1,9})(?:\.(\d{1,3}))?$/.exec(given) ?? [];
      const value = whole === undefined ? undefined : BigInt(whole + decimals.padEnd(3, '0'));
      if (value !== undefined && value >= BigInt(min) * 1000n && value <= BigInt(max) * 1000n) return value;
      throw new Error(
        `${JSON.stringify(given)} must be a number from ${min} to ${max} with at most three decimals`,
      );
    },
    'a decimal number with at most three decimals, such as 1.5',
  );
}

/** An exact number of bytes, at least one. */
export const bytes: ValueKind<bigint> = parsed(
  'SIZE',
  (given) => {
    const sizeBytes = parseQuantityBytes(given);
    if (sizeBytes < 1n) throw new Error(`${JSON.stringify(given)} must be at least one byte`);
    return sizeBytes;
  },
  'a number of bytes, or a Kubernetes quantity such as 500M, 1Ti or 1.5Gi',
);

/** Whole milliseconds. */
export const duration: ValueKind<number> = parsed(
  'DURATION',
  parseDurationMs,
  'a duration such as 10s, 500ms or 1m30s, at most 24h',
);

/** Permission bits, without set-user-id, set-group-id and sticky. */
export const fileMode: ValueKind<number> = parsed(
  'MODE',
  (given) => {
    const digits = /^(?:0o?)?([0-7]{3})$/.exec(given)?.[1];
    if (digits !== undefined) return Number.parseInt(digits, 8);
    throw new Error(`${JSON.stringify(given)} must be an octal file mode such as 0770`);
  },
  'an octal file mode such as 0770',
);

/** An absolute path, returned without repeated or trailing slashes. Symbolic links are not resolved. */
export const absolutePath: ValueKind<string> = parsed(
  'PATH',
  (given) => {
    if (!given.startsWith('/')) throw new Error(`${JSON.stringify(given)} must be an absolute path`);
    // If the part before `..` is a symbolic link, the kernel resolves the path differently from its text.
    if (given.split('/').includes('..')) throw new Error(`${JSON.stringify(given)} must not contain ".."`);
    return posix.resolve(given);
  },
  'an absolute path that does not contain ".."',
);

export function oneOf<const Choice extends string>(...choices: readonly Choice[]): ValueKind<Choice> {
  return parsed(choices.join('|'), (given) => {
    const choice = choices.find((candidate) => candidate === given);
    if (choice !== undefined) return choice;
    throw new Error(`${JSON.stringify(given)} must be one of ${choices.join(', ')}`);
  });
}

/** Values separated by commas; the empty text is the empty list. */
export function listOf<Value>(item: ValueKind<Value>): ValueKind<readonly Value[]> {
  return parsed(`${item.placeholder},...`, (given) =>
    given === '' ? [] : given.split(',').map((part) => item.parse(part)),
  );
}

/** A value preceded by a name, `NAME=VALUE`. The name is not empty and ends at the first `=`. */
export function named<Value>(
  value: ValueKind<Value>,
): ValueKind<{ readonly name: string; readonly value: Value }> {
  const placeholder = `NAME=${value.placeholder}`;
  return parsed(
    placeholder,
    (given) => {
      const separatorAt = given.indexOf('=');
      if (separatorAt < 1) throw new Error(`${JSON.stringify(given)} must have the form ${placeholder}`);
      return { name: given.slice(0, separatorAt), value: value.parse(given.slice(separatorAt + 1)) };
    },
    value.forms === '' ? '' : `a name, an equals sign, and ${value.forms}`,
  );
}
