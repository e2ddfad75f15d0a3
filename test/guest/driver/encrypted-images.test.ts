import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { runDriver } from '../../support/driver-process.ts';
import {
  allocatedBytes,
  blockDevice,
  deviceBytes,
  df,
  fileSystem,
  imageFile,
  mountedAs,
} from '../../support/image-node.ts';
import { expectRefusal, refusalOf } from '../../support/refusal.ts';
import { scratchDirectory } from '../../support/scratch.ts';
import { startedNode, testNode } from '../../support/test-node.ts';
import {
  encrypted,
  expectNothingOpen,
  openContainers,
  passphrase,
  publish,
  secrets,
  unpublish,
} from '../support/encrypted-volume.ts';
import { isFullForm } from '../support/full-form.ts';

const MIB = 1024 ** 2;
const HEADER_BYTES = 16 * MIB;
const MARKER = 'written by the pod';
const other = { passphrase: 'another one' };

describe.each(isFullForm ? ['ext4', 'xfs'] : ['ext4'])('an encrypted volume with %s', (fsType) => {
  const capability = fileSystem(fsType);
  const sizeBytes = 320 * MIB;

  test('has its whole size, keeps its content, and shows none of it in the pool', async () => {
    const node = await startedNode();
    const { volume } = await node.controller.CreateVolume({
      name: 'a',
      volume_capabilities: [capability],
      ...encrypted(sizeBytes),
    });
    expect(volume).toMatchObject({
      capacity_bytes: String(sizeBytes),
      volume_context: { encryption: 'luks2' },
    });
    const volume_id = volume?.volume_id ?? '';
    const paths = await publish(node, { volume_id, capability });
    expect(mountedAs(paths.target_path)).toMatchObject({ fsType });
    expect(Number(df(paths.target_path).total)).toBeGreaterThan(sizeBytes * 0.75);
    writeFileSync(join(paths.target_path, 'file'), MARKER);
    await unpublish(node, paths);
    await expectNothingOpen(node);
    const image = readFileSync(imageFile(node, volume_id));
    expect(image.length).toBe(sizeBytes + HEADER_BYTES);
    expect(image.includes(MARKER)).toBe(false);

    const again = await publish(node, { volume_id, capability });
    expect(readFileSync(join(again.target_path, 'file'), 'utf8')).toBe(MARKER);
    // A driver that starts finds it staged, as does a repeated call.
    await node.restart();
    await node.node.NodeStageVolume({ ...again, volume_capability: capability, secrets });
    await unpublish(node, again);
    await node.controller.DeleteVolume({ volume_id });
    await expectNothingOpen(node);
  });

  test('grows while it is in use, if the call has the key', async () => {
    const node = await startedNode();
    const volume_id = await node.create('a', { volume_capabilities: [capability], ...encrypted(sizeBytes) });
    const paths = await publish(node, { volume_id, capability });
    const before = df(paths.target_path).total;
    await node.controller.ControllerExpandVolume({
      volume_id,
      capacity_range: { required_bytes: 2 * sizeBytes },
    });
    const request = { volume_id, volume_path: paths.target_path };
    await expectRefusal(node.node.NodeExpandVolume(request), 'INVALID_ARGUMENT', 'secrets.passphrase: ');
    await expectRefusal(
      node.node.NodeExpandVolume({ ...request, secrets: other }),
      'UNAUTHENTICATED',
      'secrets.passphrase: ',
    );
    await node.node.NodeExpandVolume({ ...request, secrets });
    expect(Number(df(paths.target_path).total - before)).toBeGreaterThan(sizeBytes * 0.9);
    // Nothing is left to be done that needs the key.
    await node.node.NodeExpandVolume(request);
    await unpublish(node, paths);
  });
});

test('a wrong key and a missing one are refused, and change nothing', async () => {
  const node = await startedNode();
  const volume_id = await node.create('a', encrypted(64 * MIB));
  const staging_target_path = node.newStaging();
  const stage = (key: Record<string, string>) =>
    node.node.NodeStageVolume({
      volume_id,
      staging_target_path,
      volume_capability: fileSystem(),
      secrets: key,
    });
  await expectRefusal(stage({}), 'INVALID_ARGUMENT', 'secrets.passphrase: ');
  await expectRefusal(stage({ passphrase: '' }), 'INVALID_ARGUMENT', 'secrets.passphrase: ');
  await expectRefusal(stage({ passphrase: 'x'.repeat(4097) }), 'INVALID_ARGUMENT', 'secrets.passphrase: ');
  await unpublish(node, await publish(node, { volume_id }));
  await expectNothingOpen(node);
  const before = digestOf(imageFile(node, volume_id));
  const refusal = await refusalOf(stage(other));
  expect(refusal).toMatchObject({ code: 'UNAUTHENTICATED' });
  expect(refusal.details).not.toContain(other.passphrase);
  await expectNothingOpen(node);
  expect(digestOf(imageFile(node, volume_id))).toBe(before);
});

test('an image with data that no key encrypts is left as it is', async () => {
  const node = await startedNode();
  const volume_id = await node.create('a', encrypted(64 * MIB));
  writeFileSync(imageFile(node, volume_id), 'data of a user', { flag: 'r+' });
  const before = digestOf(imageFile(node, volume_id));
  const staging_target_path = node.newStaging();
  const request = { volume_id, staging_target_path, volume_capability: fileSystem(), secrets };
  await expectRefusal(node.node.NodeStageVolume(request), 'FAILED_PRECONDITION', 'left untouched');
  expect(digestOf(imageFile(node, volume_id))).toBe(before);
});

test('a container that another program has opened is neither used nor closed', async () => {
  const node = await startedNode();
  const capability = blockDevice();
  // The user of a block volume encrypts it.
  const parameters = { backend: 'image' };
  const volume_id = await node.create('a', {
    volume_capabilities: [capability],
    parameters,
    capacity_range: { required_bytes: 64 * MIB },
  });
  const paths = await publish(node, { volume_id, capability });
  const cryptsetup = (...words: string[]) =>
    execFileSync('cryptsetup', ['--batch-mode', ...words], {
      input: passphrase,
      env: { ...process.env, DM_DISABLE_UDEV: '1' },
    });
  cryptsetup('luksFormat', '--pbkdf=pbkdf2', '--pbkdf-force-iterations=1000', paths.target_path, '-');
  cryptsetup('open', '--key-file=-', paths.target_path, 'of-the-pod');
  expect(deviceBytes(paths.target_path)).toBe(64 * MIB);
  await node.restart();
  await node.node.NodePublishVolume({ ...paths, volume_capability: capability });
  await node.node.NodeUnpublishVolume(paths);
  await expectRefusal(node.node.NodeUnstageVolume(paths), 'FAILED_PRECONDITION', 'is still in use');
  cryptsetup('close', 'of-the-pod');
  await node.node.NodeUnstageVolume(paths);
});

test('copies open with the key of their source, and cannot be without encryption', async () => {
  const node = await startedNode();
  const source = await node.create('a', encrypted(64 * MIB));
  const paths = await publish(node, { volume_id: source });
  writeFileSync(join(paths.target_path, 'file'), MARKER);
  const { snapshot } = await node.controller.CreateSnapshot({ name: 's', source_volume_id: source });
  const fromSnapshot = { snapshot: { snapshot_id: snapshot?.snapshot_id ?? '' } };
  const sources = [fromSnapshot, { volume: { volume_id: source } }];
  for (const [index, volume_content_source] of sources.entries()) {
    const volume_id = await node.create(`copy-${index}`, { ...encrypted(128 * MIB), volume_content_source });
    const staging_target_path = node.newStaging();
    const request = { volume_id, staging_target_path, volume_capability: fileSystem(), secrets: other };
    await expectRefusal(node.node.NodeStageVolume(request), 'UNAUTHENTICATED');
    const copy = await publish(node, { volume_id });
    expect(readFileSync(join(copy.target_path, 'file'), 'utf8')).toBe(MARKER);
    expect(Number(df(copy.target_path).total)).toBeGreaterThan(100 * MIB);
    await unpublish(node, copy);
  }
  const plain = node.create('plain', {
    volume_content_source: fromSnapshot,
    parameters: { backend: 'image' },
  });
  await expectRefusal(plain, 'INVALID_ARGUMENT', 'parameters.encryption: "none" must be luks2');
  await unpublish(node, paths);
});

test('an encrypted block volume has all its bytes, and is read-only where it is asked to be', async () => {
  const node = await startedNode({ flags: ['--enable-snapshot-metadata'] });
  const capability = blockDevice();
  const volume_id = await node.create('a', { volume_capabilities: [capability], ...encrypted(64 * MIB) });
  const first = await publish(node, { volume_id, capability });
  expect(deviceBytes(first.target_path)).toBe(64 * MIB);
  execFileSync('dd', ['if=/dev/zero', `of=${first.target_path}`, 'bs=1M', 'seek=8', 'count=1', 'conv=fsync']);
  await unpublish(node, first);
  const { snapshot } = await node.controller.CreateSnapshot({ name: 's', source_volume_id: volume_id });
  const blocks = [];
  const metadata = node.snapshotMetadata.GetMetadataAllocated({ snapshot_id: snapshot?.snapshot_id ?? '' });
  for await (const message of metadata) {
    expect(Number(message.volume_capacity_bytes)).toBe(64 * MIB);
    blocks.push(...message.block_metadata);
  }
  const ends = blocks.map(({ byte_offset, size_bytes }) => Number(byte_offset) + Number(size_bytes));
  expect(Math.min(...blocks.map(({ byte_offset }) => Number(byte_offset)))).toBe(8 * MIB);
  expect(Math.max(...ends)).toBe(9 * MIB);

  const paths = await publish(node, { volume_id, capability });
  await node.controller.ControllerExpandVolume({ volume_id, capacity_range: { required_bytes: 96 * MIB } });
  await node.node.NodeExpandVolume({ volume_id, volume_path: paths.target_path, secrets });
  expect(deviceBytes(paths.target_path)).toBe(96 * MIB);
  await node.node.NodeUnpublishVolume(paths);
  await node.node.NodePublishVolume({ ...paths, volume_capability: capability, readonly: true });
  expect(() => execFileSync('dd', ['if=/dev/zero', `of=${paths.target_path}`, 'count=1'])).toThrow();
  // A driver that starts finds it as it is.
  await node.restart();
  await unpublish(node, paths);
  const thick = await node.create('thick', {
    volume_capabilities: [capability],
    ...encrypted(32 * MIB, { provisioning: 'thick' }),
  });
  const thickPaths = await publish(node, { volume_id: thick, capability });
  expect(allocatedBytes(imageFile(node, thick))).toBeGreaterThanOrEqual(32 * MIB + HEADER_BYTES);
  await unpublish(node, thickPaths);
  await expectNothingOpen(node);
  await node.controller.DeleteVolume({ volume_id });
});

test.skipIf(!isFullForm)('discards reach the pool only if the class allows them', async () => {
  const node = await startedNode();
  const mounts = [];
  for (const encryptionDiscards of ['deny', 'allow']) {
    const volume_id = await node.create(encryptionDiscards, encrypted(64 * MIB, { encryptionDiscards }));
    const paths = await publish(node, { volume_id });
    const isMountedWith = mountedAs(paths.target_path).options.includes('discard');
    const [device = ''] = execFileSync('findmnt', ['-no', 'SOURCE', paths.target_path], { encoding: 'utf8' })
      .trim()
      .split('/')
      .slice(-1);
    const granularity = readFileSync(`/sys/class/block/${device}/queue/discard_max_bytes`, 'utf8').trim();
    mounts.push({ encryptionDiscards, isMountedWith, passes: granularity !== '0' });
    await unpublish(node, paths);
  }
  expect(mounts).toEqual([
    { encryptionDiscards: 'deny', isMountedWith: false, passes: false },
    { encryptionDiscards: 'allow', isMountedWith: true, passes: true },
  ]);
});

test.skipIf(!isFullForm)('a key of the node opens volumes whose calls bring none', async () => {
  const node = testNode();
  const keyFile = join(node.directory, 'key');
  writeFileSync(keyFile, 'of the node\n');
  await node.start({ flags: [`--encryption-key-file=${keyFile}`] });
  const volume_id = await node.create('a', encrypted(64 * MIB));
  const paths = await publish(node, { volume_id, key: {} });
  await node.controller.ControllerExpandVolume({ volume_id, capacity_range: { required_bytes: 96 * MIB } });
  await node.node.NodeExpandVolume({ volume_id, volume_path: paths.target_path });
  await unpublish(node, paths);
  await expectRefusal(publish(node, { volume_id, key: other }), 'UNAUTHENTICATED');
  await unpublish(node, await publish(node, { volume_id, key: { passphrase: 'of the node\n' } }));
});

test('no key is in a log, a record, or the arguments or the environment of a program', async () => {
  const node = testNode();
  const [bin, log] = [join(node.directory, 'bin'), join(node.directory, 'programs')];
  mkdirSync(bin);
  const script = `#!/bin/sh\ncat /proc/$$/cmdline /proc/$$/environ >> ${log}\nexec /usr/sbin/cryptsetup "$@"\n`;
  writeFileSync(join(bin, 'cryptsetup'), script, { mode: 0o755 });
  await node.start({ flags: ['-v=10'], env: { PATH: `${bin}:${process.env['PATH']}` } });
  const volume_id = await node.create('a', encrypted(64 * MIB));
  const paths = await publish(node, { volume_id });
  await node.controller.ControllerExpandVolume({ volume_id, capacity_range: { required_bytes: 96 * MIB } });
  await node.node.NodeExpandVolume({ volume_id, volume_path: paths.target_path, secrets });
  await unpublish(node, paths);
  await expectRefusal(publish(node, { volume_id, key: other }), 'UNAUTHENTICATED');
  expect(readFileSync(log, 'latin1')).toContain('luksFormat');
  const written = [readFileSync(log, 'latin1'), node.log(), ...recordsOf(node.pool)].join('\n');
  for (const key of [passphrase, other.passphrase]) expect(written).not.toContain(key);
  expect(openContainers()).toEqual([]);
});

test.skipIf(!isFullForm)('a driver that has used a key leaves no core file', async () => {
  const pattern = '/proc/sys/kernel/core_pattern';
  const before = readFileSync(pattern, 'utf8');
  const directory = scratchDirectory();
  writeFileSync(pattern, join(directory, 'core'));
  try {
    const node = testNode();
    const coresAfter = async (work: () => Promise<unknown>) => {
      const { pid } = await node.start({ ownProcess: true });
      execFileSync('prlimit', ['--core=unlimited', '--pid', String(pid)]);
      await work();
      await node.stop('SIGSEGV');
      return readdirSync(directory).length;
    };
    const volume = { volume_id: '' };
    const create = async () => (volume.volume_id = await node.create('a', encrypted(64 * MIB)));
    expect(await coresAfter(create)).toBe(1);
    rmSync(directory, { recursive: true });
    mkdirSync(directory);
    expect(await coresAfter(async () => unpublish(node, await publish(node, volume)))).toBe(0);
  } finally {
    writeFileSync(pattern, before);
  }
});

test('the key of a mounted volume is replaced by a command', async () => {
  const node = testNode();
  const socket = join(node.directory, 'status.sock');
  await node.start({ flags: [`--status-socket=${socket}`], ownProcess: true });
  const volume_id = await node.create('a', encrypted(64 * MIB));
  const keys = Object.entries({ old: passphrase, new: other.passphrase, wrong: 'wrong' }).map(
    ([name, key]) => {
      const path = join(node.directory, name);
      writeFileSync(path, key);
      return path;
    },
  );
  const [oldKey = '', newKey = '', wrongKey = ''] = keys;
  const rekey = (from: string, to: string) =>
    runDriver(['rekey', volume_id, `--key-file=${from}`, `--new-key-file=${to}`, `--socket=${socket}`]);
  expect((await rekey(oldKey, newKey)).stderr).toContain('has no key yet');
  const paths = await publish(node, { volume_id });
  const { snapshot } = await node.controller.CreateSnapshot({ name: 's', source_volume_id: volume_id });
  expect(await rekey(wrongKey, wrongKey)).toMatchObject({ code: 3 });
  // Also by a command that is repeated, because it is not known whether it succeeded.
  for (let call = 0; call < 2; call++)
    expect(await rekey(oldKey, newKey)).toMatchObject({ code: 0, stderr: '' });
  writeFileSync(join(paths.target_path, 'file'), MARKER);
  await unpublish(node, paths);
  await expectRefusal(publish(node, { volume_id }), 'UNAUTHENTICATED');
  const again = await publish(node, { volume_id, key: other });
  expect(readFileSync(join(again.target_path, 'file'), 'utf8')).toBe(MARKER);
  await unpublish(node, again);
  const restored = await node.create('b', {
    ...encrypted(64 * MIB),
    volume_content_source: { snapshot: { snapshot_id: snapshot?.snapshot_id ?? '' } },
  });
  await unpublish(node, await publish(node, { volume_id: restored }));
  for (const key of [passphrase, other.passphrase]) expect(node.log()).not.toContain(key);
});

function recordsOf(pool: string): string[] {
  return readdirSync(pool, { recursive: true, encoding: 'utf8' })
    .filter((path) => path.endsWith('.json') && existsSync(join(pool, path)))
    .map((path) => readFileSync(join(pool, path), 'utf8'));
}

function digestOf(path: string): string {
  return createHash('sha256').update(readFileSync(path)).digest('hex');
}
