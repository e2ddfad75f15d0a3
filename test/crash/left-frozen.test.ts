import { renameSync, rmSync, symlinkSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { everywhere, found } from '../support/health.ts';
import { isHostRoot } from '../support/host-root.ts';
import { fileSystem, image, imageFile } from '../support/image-node.ts';
import { thawAtEnd } from '../support/thaw-mounts.ts';
import { StoppableNode } from './stoppable-node.ts';

const sizes = { ext4: 16, xfs: 300, btrfs: 128 } as const;
const fsTypes = ['ext4', 'xfs', 'btrfs'] as const;

describe.skipIf(!isHostRoot).each(fsTypes)(
  'a file system of %s that the next start cannot thaw',
  (fsType) => {
    test('is told to be frozen, until a later one has thawed it', async () => {
      const node = new StoppableNode(undefined);
      await node.start();
      const paths = await node.test.createPublished(
        'a',
        fileSystem(fsType),
        image(sizes[fsType] * 1024 ** 2),
      );
      thawAtEnd(node.pool);
      const snapshot = () =>
        node.test.controller.CreateSnapshot({ name: 'snapshot', source_volume_id: paths.volume_id });
      expect(await found(node.test, paths)).toEqual(everywhere([]));
      await node.dieAt('freeze: frozen', snapshot);
      // A start that does not find the image where it was cannot find what is frozen.
      const file = imageFile(node.test, paths.volume_id);
      renameSync(file, `${file}.away`);
      symlinkSync(`${file}.away`, file);
      const driver = await node.start();
      expect(driver.log()).toContain('could not be thawed');
      rmSync(file);
      renameSync(`${file}.away`, file);
      expect(await found(node.test, paths)).toEqual(everywhere(['Frozen']));
      await node.test.stop();
      const next = await node.start();
      expect(next.log()).toContain('"wasFrozen":true');
      expect(await found(node.test, paths)).toEqual(everywhere([]));
      await node.expectTidy();
    });
  },
);

test.skipIf(!isHostRoot)('while a copy has a file system frozen, nothing is wrong with it', async () => {
  const node = new StoppableNode(undefined);
  await node.start();
  const paths = await node.test.createPublished('a', fileSystem('ext4'), image(16 * 1024 ** 2));
  thawAtEnd(node.pool);
  const snapshot = () =>
    node.test.controller.CreateSnapshot({ name: 'snapshot', source_volume_id: paths.volume_id });
  for (const step of ['freeze: marked', 'freeze: frozen', 'freeze: thawed'] as const) {
    const look = async () => expect(await found(node.test, paths), step).toEqual(everywhere([]));
    expect(await node.whileHeldAt(step, snapshot, look)).toMatchObject({ status: 'fulfilled' });
    await node.test.controller.DeleteSnapshot({
      snapshot_id: (await snapshot()).snapshot?.snapshot_id ?? '',
    });
  }
});
