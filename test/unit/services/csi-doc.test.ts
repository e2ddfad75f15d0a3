import { readFileSync } from 'node:fs';
import { beforeAll, expect, test } from 'vitest';
import { csiDocument, reasons } from '../../../scripts/csi-doc.ts';
import { capabilities, rpcs } from '../../../scripts/lib/csi-catalogue.ts';

let page: string;

beforeAll(async () => {
  page = await csiDocument();
});

test('the page matches docs/reference/csi.md', () => {
  expect(readFileSync(new URL('../../../docs/reference/csi.md', import.meta.url), 'utf8')).toBe(page);
});

test('each of the 36 RPCs and each capability has its row', () => {
  expect(rpcs).toHaveLength(36);
  for (const { service, name } of rpcs) expect(page).toContain(`\n| \`${service}\` | \`${name}\` | `);
  expect(capabilities).toHaveLength(31);
  for (const { message, name } of capabilities) expect(page).toContain(`\n| \`${message}\` | \`${name}\` | `);
});

test.each([
  ['`Controller` | `CreateVolume` | served |  |'],
  ['`Controller` | `ControllerPublishVolume` | not served | `--enable-attach` |'],
  ['`Controller` | `ListSnapshots` | served | `--enable-list-snapshots=false` |'],
  ['`Node` | `NodeExpandVolume` | served | `--enable-volume-expansion=false`, `--disable-node-expansion` |'],
  [
    '`PluginCapability.Service` | `VOLUME_ACCESSIBILITY_CONSTRAINTS` | declared | `--enable-topology=false` |',
  ],
  [
    '`PluginCapability.VolumeExpansion` | `ONLINE` | declared | `--enable-volume-expansion=false`, ' +
      '`--disable-controller-expansion --disable-node-expansion` |',
  ],
])('the effect of flags, alone or together, is found: %s', (row) => {
  expect(page).toContain(`\n| ${row}\n`);
});

test('a capability that no flag declares needs a reason', async () => {
  const name = 'NodeServiceCapability.RPC.VOLUME_MOUNT_GROUP';
  const { [name]: reason, ...others } = reasons;
  expect(page).toContain(`| \`VOLUME_MOUNT_GROUP\` | not declared | ${reason} |`);
  await expect(csiDocument(others)).rejects.toThrow(name);
});

test('a declared capability has no reason for being absent', () => {
  const unused = Object.entries(reasons).filter(([key, reason]) => {
    const [message, name] = [key.slice(0, key.lastIndexOf('.')), key.slice(key.lastIndexOf('.') + 1)];
    return !page.includes(`\n| \`${message}\` | \`${name}\` | not declared | ${reason} |`);
  });
  expect(unused).toEqual([]);
});
