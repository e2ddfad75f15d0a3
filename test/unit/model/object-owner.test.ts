import { expect, test } from 'vitest';
import { checkNotForeign } from '../../../src/model/find/object-owner.ts';
import { newObjectId } from '../../../src/model/objects/object-id.ts';
import { fakeNode } from './fakes/model.ts';

const { model } = fakeNode();

test.each([newObjectId('a', 'aaaaaaaa'), newObjectId('a', 'bbbbbbbb'), 'imported', '', '../x'])(
  'the id %j may be gone: it is of a pool here, or names none',
  (id) => {
    expect(() => checkNotForeign(model, 'snapshot', id)).not.toThrow();
  },
);

test('an id that names a pool of another node cannot be told to be gone; field, id and pool are named', () => {
  const id = newObjectId('a', 'cccccccc');
  expect(() => checkNotForeign(model, 'snapshot', id)).toThrow(
    expect.objectContaining({
      kind: 'precondition',
      about: 'snapshot',
      message: expect.stringMatching(
        `^"${id}" lies in a pool with the id cccccccc, .*; if that pool is gone for good, .*--abandoned-pools=cccccccc$`,
      ),
    }),
  );
});

test('what lay in a pool that was given up counts as deleted, which is reported', () => {
  const deleted: string[][] = [];
  const abandoned = {
    ids: new Set(['cccccccc']),
    onDelete: (...words: string[]) => void deleted.push(words),
  };
  const id = newObjectId('a', 'cccccccc');
  expect(() => checkNotForeign({ ...model, abandoned }, 'volume', id)).not.toThrow();
  expect(deleted).toEqual([[id, 'cccccccc']]);
  const other = newObjectId('a', 'dddddddd');
  expect(() => checkNotForeign({ ...model, abandoned }, 'volume', other)).toThrow('dddddddd');
});
