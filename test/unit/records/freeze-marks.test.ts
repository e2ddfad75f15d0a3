import { readdirSync, rmSync } from 'node:fs';
import { expect, test } from 'vitest';
import { directoryNameOf, newObjectId } from '../../../src/model/objects/object-id.ts';
import { DiskFreezeMarks } from '../../../src/records/freeze-marks.ts';
import { temporaryDirectory } from '../temporary-directory.ts';

const own = newObjectId('a', 'aaaaaaaa');

function marksIn(directory = temporaryDirectory()) {
  return { directory, marks: new DiskFreezeMarks(directory, 'fast') };
}

test("a mark has the name of its volume's directory, and stays until it is removed", async () => {
  const { directory, marks } = marksIn();
  await marks.add([own, 'imported/../id']);
  const names = [own, directoryNameOf('imported/../id')].sort();
  expect(readdirSync(directory).sort()).toEqual(names);
  expect((await new DiskFreezeMarks(directory, 'fast').marked()).sort()).toEqual(names);
  await marks.remove(['imported/../id']);
  expect(await marks.marked()).toEqual([own]);
  await marks.removeNamed(own);
  expect(await marks.marked()).toEqual([]);
});

test('a volume that is already marked is reported, since it could not be thawed', async () => {
  const { directory, marks } = marksIn();
  expect(await new DiskFreezeMarks(directory, 'fast').add([own])).toEqual([]);
  expect(await marks.add([own, 'other'])).toEqual([own]);
  await marks.remove(['other']);
  expect(await marks.marked()).toEqual([own]);
});

test('marks of other processes count', async () => {
  const { directory, marks } = marksIn();
  await new DiskFreezeMarks(directory, 'fast').add(['imported/../id']);
  expect([await marks.has('imported/../id'), await marks.has(own)]).toEqual([true, false]);
  await marks.remove(['imported/../id']);
  expect(await marks.has('imported/../id')).toBe(false);
});

test('removing a missing mark changes nothing', async () => {
  const { marks } = marksIn();
  await marks.add([own]);
  await marks.remove(['v']);
  await marks.removeNamed('v');
  expect(await marks.marked()).toEqual([own]);
});

test('a mark that cannot be made is an error, so that nothing is frozen without one', async () => {
  const { directory, marks } = marksIn();
  rmSync(directory, { recursive: true });
  await expect(marks.add([own])).rejects.toMatchObject({ code: 'ENOENT' });
  await expect(marks.marked()).rejects.toMatchObject({ code: 'ENOENT' });
});

test('if one cannot be marked, none of the others stays marked, except those from before', async () => {
  const { directory, marks } = marksIn();
  await marks.add(['before']);
  const tooLong = 'n'.repeat(256);
  await expect(marks.add([own, 'before', tooLong])).rejects.toThrow();
  expect(readdirSync(directory)).toEqual([directoryNameOf('before')]);
});
