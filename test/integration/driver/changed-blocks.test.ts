import { execFile } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { expect, test } from 'vitest';
import { snapshotOf } from '../../support/copies.ts';
import { isHostRoot } from '../../support/host-root.ts';
import { blockDevice } from '../../support/image-node.ts';
import { imagePools, nodeWith } from '../../support/storages.ts';
import { writeAt } from '../../support/write-at.ts';

const MIB = 1024 ** 2;
const SIZE = 16 * MIB;
const run = promisify(execFile);

test.skipIf(!isHostRoot)(
  'the example saves a snapshot, then what has changed, and restores both',
  async () => {
    const { node, flags, parameters } = await nodeWith({
      backend: 'image',
      makePool: imagePools['XFS with shared blocks'],
    });
    await node.restart({ flags: [...flags, '--enable-snapshot-metadata'] });
    const sized = { parameters, capacity_range: { required_bytes: SIZE } };
    const example = async (...words: string[]) => {
      const program = ['--import', 'tsx', 'examples/changed-blocks.ts', ...words];
      return (await run(process.execPath, program)).stdout;
    };
    const file = (name: string) => join(node.directory, name);
    const mountedFrom = async (name: string, snapshot_id: string) => {
      const from = { volume_content_source: { snapshot: { snapshot_id } } };
      return (await node.createPublished(name, blockDevice(), { ...sized, ...from })).target_path;
    };

    const source = await node.createPublished('source', blockDevice(), sized);
    await writeAt(source.target_path, randomBytes(2 * MIB), MIB);
    const { snapshot_id: first } = await snapshotOf(node, source.volume_id, 'first');
    const saved = await example(
      'save',
      `unix://${node.socket}`,
      first,
      await mountedFrom('v1', first),
      file('1'),
    );
    expect(saved).toMatch(/^saved \d+ of 16777216 bytes \(ranges: \d+\) to /);

    await writeAt(source.target_path, Buffer.alloc(MIB / 2), 2 * MIB);
    await writeAt(source.target_path, randomBytes(100_000), 8 * MIB);
    const { snapshot_id: second } = await snapshotOf(node, source.volume_id, 'second');
    const changed = await mountedFrom('v2', second);
    await example('save', `unix://${node.socket}`, second, changed, file('2'), first);
    expect(statSync(file('1')).size).toBeLessThan(3 * MIB);
    expect(statSync(file('2')).size).toBeLessThan(MIB);

    const { target_path } = await node.createPublished('target', blockDevice(), sized);
    await example('restore', target_path, file('1'), file('2'));
    expect(readFileSync(target_path).equals(readFileSync(changed))).toBe(true);
    expect(
      readFileSync(target_path)
        .subarray(2 * MIB, 2.5 * MIB)
        .some((byte) => byte !== 0),
    ).toBe(false);
  },
);
