import { mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { findLocalPath } from '../../../src/actions/take-over/local-path.ts';
import { findOpenebs } from '../../../src/actions/take-over/openebs.ts';
import { findRawfile } from '../../../src/actions/take-over/rawfile.ts';
import { temporaryDirectory } from '../temporary-directory.ts';

const uuid = '3f0c2b6e-6d1f-4c37-9a59-0d8f5f0a7c11';

function directoryWith(...names: string[]): string {
  const path = temporaryDirectory();
  for (const name of names) mkdirSync(join(path, name));
  return path;
}

test.each([
  [`pvc-${uuid}_shop_data`, { name: `pvc-${uuid}`, claim: { namespace: 'shop', name: 'data' } }],
  ['my.volume_a-1_data-db-0', { name: 'my.volume', claim: { namespace: 'a-1', name: 'data-db-0' } }],
  [`pvc-${uuid}`, { name: `pvc-${uuid}`, obstacle: expect.stringContaining('VOLUME_NAMESPACE_CLAIM') }],
  ['a_b_c_d', { name: 'a_b_c_d', obstacle: expect.any(String) }],
  ['a__c', { name: 'a__c', obstacle: expect.any(String) }],
  ['lost+found', { name: 'lost+found', obstacle: expect.any(String) }],
])('a directory %s of local-path-provisioner is %j', async (entry, expected) => {
  const path = directoryWith(entry);
  expect(await findLocalPath(path)).toEqual([{ path: join(path, entry), isBlock: false, ...expected }]);
});

test.each([
  [`pvc-${uuid}`, false],
  [`pvc-${uuid}_shop_data`, true],
  ['pvc-1', true],
  [`PVC-${uuid}`, true],
])('whether a directory %s of OpenEBS is left alone: %s', async (entry, isLeft) => {
  const [found] = await findOpenebs(directoryWith(entry));
  expect(found?.obstacle !== undefined).toBe(isLeft);
});

test('files and symbolic links are left alone', async () => {
  const path = temporaryDirectory();
  writeFileSync(join(path, `pvc-${uuid}`), '');
  symlinkSync('/', join(path, 'a_b_c'));
  for (const find of [findLocalPath, findOpenebs, findRawfile]) {
    const obstacles = (await find(path)).map(({ obstacle }) => obstacle);
    expect(obstacles).toEqual(['it is not a directory', 'it is not a directory']);
  }
});

test.each([
  ['{"deleted_at": 1.5}', 'was deleted'],
  ['{"ready": false}', 'never completed'],
  ['{"ready": "no"}', 'cannot understand'],
  ['{', 'it is not JSON'],
])('an image of rawfile-localpv whose metadata is %s is left alone', async (metadata, reason) => {
  const path = directoryWith('pv');
  writeFileSync(join(path, 'pv', 'disk.img'), '');
  writeFileSync(join(path, 'pv', 'disk.meta'), metadata);
  expect(await findRawfile(path)).toMatchObject([{ obstacle: expect.stringContaining(reason) }]);
});

test.each(['{"deleted_at": null, "ready": true, "size": 1}', '{}', undefined])(
  'an image of rawfile-localpv whose metadata is %s is taken over',
  async (metadata) => {
    const path = directoryWith('pv');
    writeFileSync(join(path, 'pv', 'disk.img'), '');
    if (metadata !== undefined) writeFileSync(join(path, 'pv', 'disk.meta'), metadata);
    expect(await findRawfile(path)).toEqual([
      { path: join(path, 'pv', 'disk.img'), name: 'pv', isBlock: false },
    ]);
  },
);
