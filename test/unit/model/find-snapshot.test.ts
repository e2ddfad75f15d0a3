import { expect, test } from 'vitest';
import { existingSnapshot, snapshotDirectory } from '../../../src/model/find/find-snapshot.ts';
import { directoryNameOf } from '../../../src/model/objects/object-id.ts';
import { exampleGroup, exampleSnapshot } from './example-snapshot.ts';
import { fakeNode } from './fakes/model.ts';

test('a snapshot that exists is found, one that does not is told by its id', async () => {
  const { model } = fakeNode();
  const snapshot = exampleSnapshot();
  model.snapshots.add(snapshot);
  expect(await existingSnapshot(model, snapshot.id)).toBe(snapshot);
  await expect(existingSnapshot(model, '../x')).rejects.toMatchObject({
    kind: 'not-found',
    message: 'snapshot "../x" does not exist',
  });
});

test('a snapshot lies in a directory of its own, one of a group in that of its group', () => {
  const { model } = fakeNode();
  const snapshot = exampleSnapshot();
  expect(snapshotDirectory(model, snapshot)).toBe(`/pools/default/snapshots/${snapshot.id}`);
  const { id, snapshots } = exampleGroup(['v']);
  const directories = snapshots.map((member) => snapshotDirectory(model, member));
  expect(directories).toEqual([`/pools/default/groups/${id}/${directoryNameOf(`v-in-${id}`)}`]);
});
