import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { eventually } from '../../support/eventually.ts';
import { isHostRoot } from '../../support/host-root.ts';
import { image } from '../../support/image-node.ts';
import { expectRefusal } from '../../support/refusal.ts';
import { mountsBelow } from '../../support/scratch.ts';
import { nodeWith, plainDirectory, type Storage, subvolumes } from '../../support/storages.ts';
import type { TestNode } from '../../support/test-node.ts';

const qgroups = subvolumes.filter(({ name }) => name.endsWith('qgroup'));
const storages = [plainDirectory, ...(isHostRoot ? qgroups : [])];

/** Mounts a path at a new path, behind the driver's back. */
function bindElsewhere(node: TestNode, source: string): string {
  const path = node.newPath();
  if (source.endsWith('image')) writeFileSync(path, '');
  else mkdirSync(path);
  execFileSync('mount', ['--bind', source, path]);
  return path;
}

function mountTmpfs(path: string): void {
  mkdirSync(path);
  execFileSync('mount', ['-t', 'tmpfs', 'foreign', path]);
  writeFileSync(join(path, 'foreign'), 'content');
}

const unmountAt = (path: string) => execFileSync('umount', [path]);

describe.each(storages)('in a pool on $name', (storage: Storage) => {
  test('a volume is not deleted while other processes have mounted part of it, or something in it, since the start', async () => {
    const { node, pool, parameters } = await nodeWith(storage);
    const capacity_range = { required_bytes: storage.sizeBytes };
    const volume_id = await node.create('a', { capacity_range, parameters });
    const wrapper = join(pool, 'volumes', volume_id);
    const data = join(wrapper, 'data');
    mkdirSync(join(data, 'sub'));
    writeFileSync(join(data, 'sub', 'file'), 'content');
    const refused = async (path: string) => {
      const deleted = node.controller.DeleteVolume({ volume_id });
      await expectRefusal(deleted, 'FAILED_PRECONDITION', `unmount "${path}" first`);
      expect(readFileSync(join(data, 'sub', 'file'), 'utf8')).toBe('content');
    };
    for (const source of [join(data, 'sub'), data, wrapper]) {
      const path = bindElsewhere(node, source);
      await refused(path);
      unmountAt(path);
    }
    const inside = join(data, 'disk');
    mountTmpfs(inside);
    await refused(inside);
    unmountAt(inside);
    await node.controller.DeleteVolume({ volume_id });
    await eventually(() => expect(readdirSync(join(pool, '.outgoing'))).toEqual([]));
  });

  test('a mount in a volume that is being removed is neither emptied nor unmounted', async () => {
    const { node, pool, flags, parameters } = await nodeWith(storage);
    const capacity_range = { required_bytes: storage.sizeBytes };
    const ids = await Promise.all(
      ['a', 'b'].map((name) => node.create(name, { capacity_range, parameters })),
    );
    const [gone = '', other = ''] = ids;
    const directoryOf = (id: string) => join(pool, 'volumes', id, 'data');
    writeFileSync(join(directoryOf(other), 'file'), 'content');
    await node.stop();
    const leftover = join(pool, '.outgoing', gone);
    renameSync(join(pool, 'volumes', gone), leftover);
    const inside = ['disk', 'bind'].map((name) => join(leftover, 'data', name));
    const [disk = '', bind = ''] = inside;
    mountTmpfs(disk);
    mkdirSync(bind);
    execFileSync('mount', ['--bind', directoryOf(other), bind]);
    const driver = await node.start({ flags });
    await eventually(() => expect(driver.log()).toContain('cannot remove deleted content'));
    expect(await mountsBelow(leftover)).toEqual(inside);
    expect(readFileSync(join(disk, 'foreign'), 'utf8')).toBe('content');
    expect(readFileSync(join(bind, 'file'), 'utf8')).toBe('content');
    for (const path of inside) unmountAt(path);
    await node.restart({ flags });
    await eventually(() => expect(existsSync(leftover)).toBe(false));
    expect(readFileSync(join(directoryOf(other), 'file'), 'utf8')).toBe('content');
  });

  test('a snapshot is not deleted while it is mounted', async () => {
    const { node, pool, parameters } = await nodeWith(storage);
    const capacity_range = { required_bytes: storage.sizeBytes };
    const source_volume_id = await node.create('a', { capacity_range, parameters });
    writeFileSync(join(pool, 'volumes', source_volume_id, 'data', 'file'), 'content');
    const { snapshot } = await node.controller.CreateSnapshot({ source_volume_id, name: 's' });
    const { group_snapshot } = await node.groupController.CreateVolumeGroupSnapshot({
      source_volume_ids: [source_volume_id],
      name: 'g',
    });
    const snapshot_id = snapshot?.snapshot_id ?? '';
    const group_snapshot_id = group_snapshot?.group_snapshot_id ?? '';
    const [member = ''] = readdirSync(join(pool, 'groups', group_snapshot_id)).filter(
      (name) => name !== 'group.json',
    );
    const deletes: [string, () => Promise<unknown>][] = [
      [join(pool, 'snapshots', snapshot_id), () => node.controller.DeleteSnapshot({ snapshot_id })],
      [
        join(pool, 'groups', group_snapshot_id, member),
        () => node.groupController.DeleteVolumeGroupSnapshot({ group_snapshot_id, snapshot_ids: [member] }),
      ],
    ];
    for (const [directory, deleteIt] of deletes) {
      const path = bindElsewhere(node, join(directory, 'data'));
      await expectRefusal(deleteIt(), 'FAILED_PRECONDITION', `unmount "${path}" first`);
      expect(readFileSync(join(path, 'file'), 'utf8')).toBe('content');
      unmountAt(path);
      await deleteIt();
    }
  });
});

test.runIf(isHostRoot)('an image is not deleted while its file is bound or attached elsewhere', async () => {
  const { node, pool } = await nodeWith(plainDirectory);
  const volume_id = await node.create('a', image(16 * 1024 ** 2));
  const file = join(pool, 'volumes', volume_id, 'image');
  const path = bindElsewhere(node, file);
  const deleted = node.controller.DeleteVolume({ volume_id });
  await expectRefusal(deleted, 'FAILED_PRECONDITION', `unmount "${path}" first`);
  // Attached under the other name, which the kernel shows even after the mount is gone.
  const device = execFileSync('losetup', ['--find', '--show', path], { encoding: 'utf8' }).trim();
  execFileSync('umount', ['--lazy', path]);
  const attached = node.controller.DeleteVolume({ volume_id });
  await expectRefusal(attached, 'FAILED_PRECONDITION', `its image is attached to ${device}`);
  execFileSync('losetup', ['--detach', device]);
  await eventually(() => node.controller.DeleteVolume({ volume_id }));
});
