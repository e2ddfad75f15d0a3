import { rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { runDriver } from '../../support/driver-process.ts';
import { eventually } from '../../support/eventually.ts';
import { isHostRoot } from '../../support/host-root.ts';
import { allocatedBytes, fileSystem, image, imageFile } from '../../support/image-node.ts';
import { testNode } from '../../support/test-node.ts';

const MIB = 1024 ** 2;
const WRITTEN = 32 * MIB;
const LITTLE = 8 * MIB;
const kept = fileSystem('ext4', ['nodiscard']);

/** A node with a published image without discard, in which a file was written and deleted: its space is still in use. */
async function nodeWithDeletedData(flags: readonly string[] = []) {
  const node = testNode();
  const socket = join(node.directory, 'status.sock');
  await node.start({ flags: [`--status-socket=${socket}`, ...flags] });
  const paths = await node.createPublished('a', kept, image(64 * MIB));
  const file = join(paths.target_path, 'file');
  writeFileSync(file, Buffer.alloc(WRITTEN, 'x'), { flush: true });
  const used = () => allocatedBytes(imageFile(node, paths.volume_id));
  expect(used()).toBeGreaterThan(WRITTEN);
  rmSync(file);
  const run = (...words: string[]) => runDriver([...words, `--socket=${socket}`, `--statedir=${node.pool}`]);
  return { node, ...paths, used, run };
}

test.skipIf(!isHostRoot)('trim returns the space of deleted data in images to the pool', async () => {
  const { node, volume_id, used, run } = await nodeWithDeletedData();
  await node.create('unmounted', image(64 * MIB));
  const directory = await node.createPublished('directory');
  const { code, stdout } = await run('trim', '-o', 'json');
  expect(code).toBe(0);
  const freedBytes = expect.any(Number);
  expect(JSON.parse(stdout)).toEqual([{ volumeId: volume_id, freedBytes }]);
  expect(used()).toBeLessThan(LITTLE);
  expect((await run('trim', '--volume', volume_id)).stdout).toMatch(
    new RegExp(`^${volume_id}: .* trimmed\\n$`),
  );
  const other = await run('trim', '--volume', directory.volume_id);
  expect(other.stdout).toContain('not trimmed: it is not mounted, or has no file system of its own');
  const missing = await run('trim', '--volume', 'missing');
  expect([missing.code, missing.stderr]).toEqual([3, 'volume "missing" does not exist\n']);
});

test.skipIf(!isHostRoot)('with --trim-interval the driver does it by itself', async () => {
  const { used } = await nodeWithDeletedData(['--trim-interval=100ms']);
  await eventually(() => expect(used()).toBeLessThan(LITTLE));
});

test('without a driver it says that one is needed', async () => {
  const { code, stderr } = await runDriver(['trim', '--socket=/nowhere/s']);
  expect([code, stderr]).toEqual([
    3,
    expect.stringContaining('the command needs a running driver, and none answers on /nowhere/s'),
  ]);
});
