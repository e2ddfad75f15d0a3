import { existsSync, readdirSync, readFileSync, readlinkSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { eventually } from '../../support/eventually.ts';
import { expectRefusal } from '../../support/refusal.ts';
import { startedNode, type TestNode } from '../../support/test-node.ts';

const claimOf = (name: string) => ({
  'csi.storage.k8s.io/pvc/namespace': 'shop',
  'csi.storage.k8s.io/pvc/name': name,
});
const nameTemplate = '${pvc.namespace}/${pvc.name}';
const flags = ['--enable-controller-modify-volume'];

const namesIn = (node: TestNode) => join(node.pool, 'names');
const create = (node: TestNode, name: string, changes: object = {}) =>
  node.create(`pvc-${name}`, { parameters: { ...claimOf(name), nameTemplate }, ...changes });

test('a volume can be read under its readable name, until it is deleted', async () => {
  const node = await startedNode();
  const volume_id = await create(node, 'data');
  expect(await create(node, 'data')).toBe(volume_id);
  writeFileSync(join(node.pool, 'volumes', volume_id, 'data', 'file'), 'read');
  expect(readFileSync(join(namesIn(node), 'shop', 'data', 'file'), 'utf8')).toBe('read');
  await node.controller.DeleteVolume({ volume_id });
  expect(readdirSync(namesIn(node))).toEqual([]);
});

test('an archived volume has no name until it is restored', async () => {
  const node = await startedNode({ flags });
  const volume_id = await create(node, 'data', { mutable_parameters: { onDelete: 'archive' } });
  await node.controller.DeleteVolume({ volume_id });
  expect(readdirSync(namesIn(node))).toEqual([]);
  const parameters = { ...claimOf('data'), nameTemplate: 'again/${pvc.name}', restore: 'latest' };
  expect(await node.create('pvc-again', { parameters })).toBe(volume_id);
  expect(readlinkSync(join(namesIn(node), 'again', 'data'))).toBe(`../../volumes/${volume_id}/data`);
});

test('the names are made again at the next start, and those of volumes that are gone removed', async () => {
  const node = await startedNode();
  const [kept, gone] = [await create(node, 'kept'), await create(node, 'gone')];
  await node.stop();
  rmSync(join(namesIn(node), 'shop', 'kept'));
  rmSync(join(node.pool, 'volumes', gone), { recursive: true });
  await node.start();
  await eventually(() => expect(readdirSync(join(namesIn(node), 'shop'))).toEqual(['kept']));
  expect(readlinkSync(join(namesIn(node), 'shop', 'kept'))).toBe(`../../volumes/${kept}/data`);
  await node.stop();
  rmSync(namesIn(node), { recursive: true });
  await node.start();
  await eventually(() => expect(existsSync(join(namesIn(node), 'shop', 'kept'))).toBe(true));
});

test('volumes are created and deleted although their names cannot be kept, which is logged once', async () => {
  const node = await startedNode();
  writeFileSync(namesIn(node), '');
  const ids = [await create(node, 'one'), await create(node, 'two')];
  for (const volume_id of ids) await node.controller.DeleteVolume({ volume_id });
  expect(readdirSync(join(node.pool, 'volumes'))).toEqual([]);
  expect(node.log().split('cannot keep the names of volumes')).toHaveLength(2);
});

test('a template that no volume, or not this one, can have is refused with its name, and nothing is made', async () => {
  const node = await startedNode();
  const refuse = (parameters: Record<string, string>, message: string) =>
    expectRefusal(
      node.create('a', { parameters }),
      'INVALID_ARGUMENT',
      `parameters.nameTemplate: ${message}`,
    );
  await refuse(
    { ...claimOf('a'), nameTemplate: '${pvc.nmae}' },
    '"${pvc.nmae}" has the unknown variable "pvc.nmae"',
  );
  await refuse({ ...claimOf('..'), nameTemplate }, `"${nameTemplate}" gives a path with the part`);
  await refuse({ nameTemplate }, `"${nameTemplate}" needs the claim`);
  expect(readdirSync(node.pool)).not.toContain('names');
  await node.create('a', { parameters: { nameTemplate: '${pv.name}' } });
  const again = node.create('a', { parameters: { nameTemplate: '${volume.id}' } });
  await expectRefusal(again, 'ALREADY_EXISTS', 'with nameTemplate "${pv.name}"');
});
