import { mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { bind } from '../../support/bind.ts';
import { makeDeep } from '../../support/deep-path.ts';
import { eventually } from '../../support/eventually.ts';
import { listing } from '../../support/listing.ts';
import { startedNode } from '../../support/test-node.ts';

const deepNames = Array.from({ length: 300 }, () => 'deep');
// How long background work may take before the test fails; no test waits longer than the work takes.

test('a start removes half-built and half-removed content, in the background', async () => {
  const node = await startedNode({ ownProcess: true });
  const volume_id = await node.create('stays');
  await node.stop('SIGKILL');
  const directories = ['.incoming', '.outgoing'].map((name) => join(node.pool, name));
  for (const directory of directories) {
    mkdirSync(join(directory, volume_id, 'data'), { recursive: true });
    makeDeep(join(directory, volume_id, 'data'), deepNames);
    for (let index = 0; index < 10; index++)
      mkdirSync(join(directory, `gone-${index}.01234567`, 'data'), { recursive: true });
  }
  await node.start();
  expect(await node.create('stays')).toBe(volume_id);
  for (const directory of directories) await eventually(() => expect(readdirSync(directory)).toEqual([]));
  expect(readdirSync(join(node.pool, 'volumes'))).toEqual([volume_id]);
});

test('a file in the directory for new or removed volumes is removed too', async () => {
  const node = await startedNode();
  await node.stop();
  const directories = ['.incoming', '.outgoing'].map((name) => join(node.pool, name));
  for (const directory of directories) writeFileSync(join(directory, 'file'), '');
  await node.start();
  for (const directory of directories) await eventually(() => expect(readdirSync(directory)).toEqual([]));
});

test('deep trees of several deleted volumes are removed', async () => {
  const node = await startedNode();
  const ids = await Promise.all(['a', 'b', 'c'].map((name) => node.create(name)));
  for (const id of ids) makeDeep(join(node.pool, 'volumes', id, 'data'), deepNames);
  await Promise.all(ids.map((volume_id) => node.controller.DeleteVolume({ volume_id })));
  await eventually(() => expect(readdirSync(join(node.pool, '.outgoing'))).toEqual([]));
});

test('a deleted volume with a mount in it is logged, the mounted content stays, and the driver keeps serving', async () => {
  const node = await startedNode();
  const volume_id = await node.create('holds-a-mount');
  const other = join(node.directory, 'other');
  mkdirSync(other);
  writeFileSync(join(other, 'file'), 'precious');
  await node.stop();
  // As a process in another mount namespace could have left it: the driver knows of no mount below .outgoing.
  const outgoing = join(node.pool, '.outgoing', 'gone.01234567', 'data');
  mkdirSync(outgoing, { recursive: true });
  await bind(other, outgoing);
  const before = listing(other);
  const driver = await node.start();
  await eventually(() => expect(driver.log()).toContain('cannot remove deleted content; will retry'));
  expect(listing(other)).toEqual(before);
  expect(await node.create('holds-a-mount')).toBe(volume_id);
});
