import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync, statfsSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { hasCapability } from '../../../src/kernel/process/capabilities.ts';
import { eventually } from '../../support/eventually.ts';
import { testGrowth } from '../../support/growth-walk.ts';
import { startedNode } from '../../support/test-node.ts';

const GIB = 1024 ** 3;
// How long a busy machine may take before the test fails; no test waits longer than the work takes.

test('an ext4 image grows from 1 GiB to 2 GiB under a running writer', async () => {
  expect(await hasCapability('SYS_RESOURCE')).toBe(true);
  const node = await startedNode();
  const changes = { capacity_range: { required_bytes: GIB }, parameters: { backend: 'image' } };
  const volume = await node.createPublished('a', undefined, changes);
  const { volume_id, target_path } = volume;
  expect(totalBytes(target_path)).toBeGreaterThan(GIB * 0.85);

  const log = join(target_path, 'log');
  const writer = spawn('sh', ['-c', 'set -e; while read line; do echo "$line" >>"$1"; done', 'sh', log]);
  const exit = once(writer, 'close');
  let written = 0;
  const isWriting = { on: true };
  const feed = (async () => {
    while (isWriting.on) {
      writer.stdin.write(`${written++}\n`);
      await new Promise((resolve) => setImmediate(resolve));
    }
    writer.stdin.end();
  })();
  await eventually(() => expect(statSync(log).size).toBeGreaterThan(0));

  const capacity_range = { required_bytes: 2 * GIB };
  const controller = await node.controller.ControllerExpandVolume({ volume_id, capacity_range });
  expect(controller).toMatchObject({ capacity_bytes: String(2 * GIB), node_expansion_required: true });
  const onNode = await node.node.NodeExpandVolume({ volume_id, volume_path: target_path });
  expect(onNode.capacity_bytes).toBe(String(2 * GIB));
  expect(totalBytes(target_path)).toBeGreaterThan(2 * GIB * 0.85);

  isWriting.on = false;
  await feed;
  expect(await exit).toEqual([0, null]);
  const lines = readFileSync(log, 'utf8').trimEnd().split('\n');
  expect(lines).toEqual(Array.from({ length: written }, (_, index) => String(index)));
});

function totalBytes(path: string): number {
  const { bsize, blocks } = statfsSync(path);
  return bsize * blocks;
}

describe('a volume with ext4', () => testGrowth('ext4'));
