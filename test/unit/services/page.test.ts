import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { listPosition } from '../../../src/model/requests/list-position.ts';
import { pageOf, parsePage, parseToken, tokenAfter } from '../../../src/services/page.ts';

const anyText = fc.string({ unit: 'binary' });

test('no token is the first page', () => {
  expect(parseToken('')).toBe('');
});

test('a token leads back to where its id stands, whatever the id, and CSI allows its length', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary', maxLength: 200 }), (id) => {
      const token = tokenAfter(id);
      expect(parseToken(token)).toBe(listPosition(id));
      expect(Buffer.byteLength(token)).toBeLessThanOrEqual(128);
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
    anyText.map((id) => Buffer.from(`after:${id}${'x'.repeat(91)}`).toString('base64url')),
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

describe('pages', () => {
  const listOf = (ids: readonly string[]) => (afterId: string, limit: number) =>
    ids
      .filter((id) => id > afterId)
      .slice(0, limit)
      .map((id) => ({ id }));

  test('together are the whole list, each as long as is asked for, and only the last has no token', () => {
    const ids = fc
      .uniqueArray(fc.string({ minLength: 1, maxLength: 3 }), { maxLength: 20 })
      .map((list) => list.sort());
    fc.assert(
      fc.property(ids, fc.integer({ min: 1, max: 7 }), (all, max_entries) => {
        const seen: string[] = [];
        let starting_token = '';
        do {
          const { items, nextToken } = pageOf({ max_entries, starting_token }, listOf(all));
          expect(items.length).toBe(Math.min(max_entries, all.length - seen.length));
          seen.push(...items.map(({ id }) => id));
          starting_token = nextToken;
        } while (starting_token !== '');
        expect(seen).toEqual(all);
      }),
    );
  });

  test('are as long as a reply can be where no length is asked for, or a greater one', () => {
    const all = Array.from({ length: 4001 }, (_, index) => String(index).padStart(5, '0'));
    for (const max_entries of [0, 2 ** 31 - 1]) {
      const { items, nextToken } = pageOf({ max_entries, starting_token: '' }, listOf(all));
      expect(items).toHaveLength(4000);
      expect(pageOf({ max_entries, starting_token: nextToken }, listOf(all)).items).toEqual([
        { id: '04000' },
      ]);
    }
  });

  test('have a limit of their own where their entries are long', () => {
    for (const [max_entries, limit] of [
      [0, 10],
      [3, 3],
      [11, 10],
    ] as const) {
      const request = { max_entries, starting_token: tokenAfter('b') };
      expect(parsePage(request, 10)).toEqual({ position: 'b', limit });
    }
  });

  test('of a negative length are invalid, and a token of somebody else is aborted', () => {
    expect(() => pageOf({ max_entries: -1, starting_token: '' }, listOf([]))).toThrow(
      expect.objectContaining({ kind: 'invalid', message: 'max_entries: -1 is negative' }),
    );
    expect(() => pageOf({ max_entries: 1, starting_token: 'garbage' }, listOf([]))).toThrow(
      expect.objectContaining({
        kind: 'aborted',
        message: 'starting_token: "garbage" is not a token of this driver',
      }),
    );
  });
});
