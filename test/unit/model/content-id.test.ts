import { expect, test } from 'vitest';
import { contentIdOf } from '../../../src/model/objects/snapshot.ts';
import { exampleSnapshot } from './example-snapshot.ts';

test('the content of a snapshot is known by where it was taken, but not by a volume, which changes', () => {
  const known = (kind: 'volume' | 'snapshot') =>
    contentIdOf(exampleSnapshot({ id: 'here', origin: { kind, id: 'there', digest: undefined } }));
  expect(known('snapshot')).toBe('there');
  expect(known('volume')).toBe('here');
  expect(contentIdOf(exampleSnapshot({ id: 'here' }))).toBe('here');
});
