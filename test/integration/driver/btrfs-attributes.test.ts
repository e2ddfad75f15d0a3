import { execFileSync } from 'node:child_process';
import { closeSync, fsyncSync, mkdirSync, openSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { btrfs } from '../../support/btrfs.ts';
import { isHostRoot } from '../../support/host-root.ts';
import { expectRefusal } from '../../support/refusal.ts';
import { mountCapability } from '../../support/requests.ts';
import { startedNode } from '../../support/test-node.ts';

const MIB = 1024 ** 2;

describe.skipIf(!isHostRoot)('a volume on btrfs', () => {
  const nodeOnBtrfs = () => startedNode({ flags: [`--pool=disk=${btrfs()}/pool`] });

  test.each(['zstd', 'lzo', 'zlib'])(
    'compresses what pods write, if its class says %s',
    async (compression) => {
      const node = await nodeOnBtrfs();
      const parameters = { pool: 'disk', compression };
      const { volume_id, target_path } = await node.createPublished('a', undefined, { parameters });
      expect(isCompressed(fileIn(target_path))).toBe(true);
      const { snapshot } = await node.controller.CreateSnapshot({ name: 's', source_volume_id: volume_id });
      const volume_content_source = { snapshot: { snapshot_id: snapshot?.snapshot_id ?? '' } };
      const restored = await node.createPublished('b', undefined, { parameters, volume_content_source });
      expect(isCompressed(fileIn(restored.target_path, 'newer'))).toBe(true);
    },
  );

  test('overwrites in place what pods write, if its class says so, also in the copy of one that compresses', async () => {
    const node = await nodeOnBtrfs();
    const source = await node.create('a', { parameters: { pool: 'disk', compression: 'zstd' } });
    const parameters = { pool: 'disk', nodatacow: 'true' };
    const volume_content_source = { volume: { volume_id: source } };
    for (const changes of [{ parameters }, { parameters, volume_content_source }]) {
      const name = `b-${Object.keys(changes).length}`;
      const { target_path } = await node.createPublished(name, undefined, changes);
      expect(attributesOf(fileIn(target_path))).toContain('C');
    }
  });

  test('stores what pods write as the pool does, if its class says nothing', async () => {
    const node = await nodeOnBtrfs();
    const { target_path } = await node.createPublished('a', undefined, { parameters: { pool: 'disk' } });
    const file = fileIn(target_path);
    expect(isCompressed(file)).toBe(false);
    expect(attributesOf(file)).not.toContain('C');
  });

  test('has its attributes in its context, and another with the same name must have them too', async () => {
    const node = await nodeOnBtrfs();
    const create = (parameters: Record<string, string>) =>
      node.controller.CreateVolume({
        name: 'a',
        volume_capabilities: [mountCapability()],
        capacity_range: { required_bytes: MIB },
        parameters: { pool: 'disk', ...parameters },
      });
    const { volume } = await create({ compression: 'zstd' });
    expect(volume?.volume_context).toMatchObject({ compression: 'zstd' });
    await create({ compression: 'zstd' });
    await expectRefusal(create({ compression: 'lzo' }), 'ALREADY_EXISTS', 'compression zstd');
    await expectRefusal(create({}), 'ALREADY_EXISTS', 'compression zstd');
    await expectRefusal(create({ nodatacow: 'true' }), 'ALREADY_EXISTS', 'compression zstd');
  });

  test.each([
    ['compression', { compression: 'brotli' }, 'must be one of zstd, lzo, zlib'],
    ['nodatacow', { nodatacow: 'yes' }, 'must be one of true, false'],
    ['compression', { compression: 'zstd', nodatacow: 'true' }, 'is impossible with nodatacow'],
    ['compression', { compression: 'zstd', backend: 'image' }, 'this volume is an image'],
    ['nodatacow', { nodatacow: 'true', pool: 'default' }, 'is possible on btrfs only'],
  ])('with a wrong %s is refused: %j', async (key, parameters, why) => {
    const node = await nodeOnBtrfs();
    const created = node.create('a', { parameters: { pool: 'disk', ...parameters } });
    await expectRefusal(created, 'INVALID_ARGUMENT', why);
    await expectRefusal(
      node.create('b', { parameters: { pool: 'disk', ...parameters } }),
      'INVALID_ARGUMENT',
      `parameters.${key}: `,
    );
  });
});

/** A new file in a new directory, of text that compresses well, on the disk. */
function fileIn(directory: string, name = 'new'): string {
  const path = join(directory, name);
  mkdirSync(path);
  const file = join(path, 'file');
  const fd = openSync(file, 'w');
  writeSync(fd, Buffer.alloc(MIB, 'text '));
  fsyncSync(fd);
  closeSync(fd);
  return file;
}

function isCompressed(file: string): boolean {
  return execFileSync('filefrag', ['-v', file], { encoding: 'utf8' }).includes('encoded');
}

function attributesOf(file: string): string {
  return execFileSync('lsattr', [file], { encoding: 'utf8' }).split(' ')[0] ?? '';
}
