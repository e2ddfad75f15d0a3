import { mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, test } from 'vitest';
import { listing } from '../../support/listing.ts';
import { expectRefusal } from '../../support/refusal.ts';
import { mountCapability } from '../../support/requests.ts';
import { mountsBelow } from '../../support/scratch.ts';
import { TestNode } from '../../support/test-node.ts';

const volume_capability = mountCapability();

let node: TestNode;
let known: string;

beforeAll(async () => {
  node = new TestNode();
  await node.start();
  known = await node.create('known');
  // The targets that an id could reach if it became a path.
  mkdirSync(join(node.directory, 'victim', 'data'), { recursive: true });
  writeFileSync(join(node.directory, 'victim', 'data', 'file'), 'precious');
  writeFileSync(join(node.pool, 'volumes', known, 'data', 'file'), 'precious');
  return () => node.dispose();
});

/** Everything on the node except volumes, which come and go. */
function outsideOfVolumes(): string[] {
  return listing(node.directory, ['pool/volumes', 'pool/.outgoing', 'pool/.incoming']);
}

describe('a name that looks like a path', () => {
  test.each([
    '..',
    '.',
    '/',
    '../victim',
    '../../etc/passwd',
    '/etc/passwd',
    'a/b',
    'a\\b',
    'volumes/x',
    '.csi-hostpath',
    ' ',
    '-rf',
    '%2e%2e%2f',
    'tab\tline\nreturn\r',
    '\u{1F4BE}\u{1F525}',
    'größe',
    '名前',
    'n'.repeat(128),
    '\u{1F4BE}'.repeat(32),
    '__proto__',
    'constructor',
    "'; rm -rf /; '",
  ])('%j is valid, and makes one directory among the volumes', async (name) => {
    const before = outsideOfVolumes();
    const volumesBefore = readdirSync(join(node.pool, 'volumes'));
    const volume_id = await node.create(name);
    expect(volume_id).toMatch(/^[a-z0-9-]{1,128}$/);
    const made = readdirSync(join(node.pool, 'volumes')).filter((entry) => !volumesBefore.includes(entry));
    expect(made).toEqual([volume_id]);
    expect(outsideOfVolumes()).toEqual(before);
    expect(await node.create(name)).toBe(volume_id);
    await node.controller.DeleteVolume({ volume_id });
    expect(readdirSync(join(node.pool, 'volumes'))).toEqual(volumesBefore);
    expect(outsideOfVolumes()).toEqual(before);
  });

  test('names that differ in one character, or only in their normalisation, are different volumes', async () => {
    const names = ['a b', 'a-b', 'a/b', 'A-B', 'a--b', 'caf\u00e9', 'cafe\u0301'];
    const ids = await Promise.all(names.map((name) => node.create(name)));
    expect(new Set(ids).size).toBe(names.length);
    for (const volume_id of ids) await node.controller.DeleteVolume({ volume_id });
  });
});

describe('an id that looks like a path', () => {
  test.each([
    '../victim',
    '../../victim',
    '..',
    '.',
    '/',
    'volumes/x',
    '../volumes',
    '/tmp',
    '.csi-hostpath',
    'x-',
    `x-${Buffer.from('../victim').toString('base64url')}`,
    '\0',
    'a\0b',
    'n'.repeat(1_000_000),
    '__proto__',
    'constructor',
    'toString',
    ' ',
  ])('%j matches no volume, and nothing changes', async (volume_id) => {
    const before = listing(node.directory, ['pool/.outgoing']);
    const { controller, node: nodeService } = node;
    // Not in the node's directory, where they would be listed.
    const paths = { staging_target_path: '/tmp/no-such-staging', target_path: '/tmp/no-such-target' };
    await controller.DeleteVolume({ volume_id });
    await expectRefusal(controller.ControllerGetVolume({ volume_id }), 'NOT_FOUND');
    await expectRefusal(nodeService.NodeStageVolume({ volume_id, ...paths, volume_capability }), 'NOT_FOUND');
    await expectRefusal(
      nodeService.NodePublishVolume({ volume_id, ...paths, volume_capability }),
      'NOT_FOUND',
    );
    await expectRefusal(nodeService.NodeGetVolumeStats({ volume_id, volume_path: '/tmp' }), 'NOT_FOUND');
    await nodeService.NodeUnpublishVolume({ volume_id, ...paths });
    await nodeService.NodeUnstageVolume({ volume_id, ...paths });
    expect(listing(node.directory, ['pool/.outgoing'])).toEqual(before);
    expect(await mountsBelow(node.directory)).toEqual([]);
  });

  test('neither a part of an id nor an extended id matches its volume', async () => {
    const before = listing(node.directory, ['pool/.outgoing']);
    for (const volume_id of [
      `./${known}`,
      `${known}/`,
      `${known}/data`,
      ` ${known}`,
      known.slice(0, -1),
      known.toUpperCase(),
    ]) {
      await expectRefusal(node.controller.ControllerGetVolume({ volume_id }), 'NOT_FOUND');
      await node.controller.DeleteVolume({ volume_id });
    }
    expect(listing(node.directory, ['pool/.outgoing'])).toEqual(before);
  });
});
