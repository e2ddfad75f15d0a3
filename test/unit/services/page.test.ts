import fc from 'fast-check';
import { expect, test } from 'vitest';
import { parseToken, tokenAfter } from '../../../src/services/page.ts';

const anyText = fc.string({ unit: 'binary' });

test('no token is the first page', () => {
  expect(parseToken('')).toBe('');
});

test('a token leads back to its id, whatever the id', () => {
  fc.assert(
    fc.property(anyText, (id) => {
      expect(parseToken(tokenAfter(id))).toBe(id);
    }),
  );
});

test('anything else tells the CO to begin anew', () => {
  const garbage = fc.oneof(
    anyText.filter((text) => text !== ''),
    fc.uint8Array({ minLength: 1 }).map((bytes) => Buffer.from(bytes).toString('base64url')),
    fc
      .uint8Array({ minLength: 1 })
      .map((bytes) => Buffer.from([...Buffer.from('after:'), 0xff, ...bytes]).toString('base64url')),
    anyText.map((id) => `${tokenAfter(id)}=`),
    anyText.map((id) => ` ${tokenAfter(id)}`),
    anyText.map((id) => Buffer.from(`before:${id}`).toString('base64url')),
  );
  fc.assert(
    fc.property(garbage, (token) => {
      expect(() => parseToken(token)).toThrow(
        expect.objectContaining({ kind: 'aborted', message: expect.stringContaining('starting_token') }),
      );
    }),
  );
});

test('a token is not shown in full where it is long, for the message must fit in a reply', () => {
  expect(() => parseToken('x'.repeat(100_000))).toThrow(
    expect.objectContaining({ kind: 'aborted', message: expect.stringMatching(/^.{1,500}$/) }),
  );
});
