import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { directoryNameOf, newObjectId } from '../../../src/model/objects/object-id.ts';
import type { GroupSnapshot } from '../../../src/model/objects/snapshot.ts';
import type { Records } from '../../../src/model/ports/ports.ts';
import { damagedMembers } from '../../../src/pools/directory/damaged-groups.ts';
import { temporaryDirectory } from '../temporary-directory.ts';

/** Records that are only asked for the paths of their directories. */
function recordsIn(home: string): Records<GroupSnapshot> {
  const notAsked = () => Promise.reject(new Error('not asked'));
  return {
    load: notAsked,
    add: notAsked,
    adopt: notAsked,
    read: notAsked,
    replace: notAsked,
    replaceContent: notAsked,
    remove: notAsked,
    retain: notAsked,
    restore: notAsked,
    directoryNameOf,
    directoryOf: (id) => join(home, directoryNameOf(id)),
  };
}

const damaged = (id: string) => ({ id, pool: 'fast', reason: 'group.json: it is empty' });

test('the snapshots in a damaged group are damaged too, found by their directories, and report why', async () => {
  const home = temporaryDirectory();
  const [group, member] = [newObjectId('g', 'aaaaaaaa'), newObjectId('g', 'aaaaaaaa')];
  for (const id of [member, 'imported'])
    mkdirSync(join(home, group, directoryNameOf(id)), { recursive: true });
  writeFileSync(join(home, group, 'group.json'), '');
  const found = await damagedMembers(recordsIn(home), [damaged(group)]);
  const reason = 'its group is damaged: group.json: it is empty';
  expect(found.sort((one, other) => (one.id < other.id ? -1 : 1))).toEqual([
    { id: member, pool: 'fast', reason },
    { id: 'imported', pool: 'fast', reason },
  ]);
});

test('a damaged group that is a file, missing or empty has none', async () => {
  const home = temporaryDirectory();
  writeFileSync(join(home, directoryNameOf('file')), '');
  mkdirSync(join(home, directoryNameOf('empty')));
  expect(await damagedMembers(recordsIn(home), ['file', 'gone', 'empty'].map(damaged))).toEqual([]);
});

test('each of several damaged groups reports its own', async () => {
  const home = temporaryDirectory();
  for (const [group, member] of [
    ['g', 'a'],
    ['h', 'b'],
  ] as const) {
    mkdirSync(join(home, directoryNameOf(group), directoryNameOf(member)), { recursive: true });
  }
  const found = await damagedMembers(recordsIn(home), [damaged('g'), damaged('h')]);
  expect(found.map(({ id }) => id)).toEqual(['a', 'b']);
});
