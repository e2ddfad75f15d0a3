// The whole life of a volume, step by step, with a driver that this script starts: how each call changes the disk and
// the mount table. `npm run demo` runs it in its own mount namespace.
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { unmount } from '../src/kernel/mounts/bind-mount.ts';
import { type MountEntry, readMountinfo } from '../src/kernel/mounts/mountinfo.ts';
import { CsiClient } from '../test/support/csi-client.ts';
import { type DriverProcess, startDriverProcess } from '../test/support/driver-process.ts';

const directory = mkdtempSync(join(tmpdir(), 'csi-demo-'));
const pool = join(directory, 'pool');
const staging_target_path = join(directory, 'staging');
const target_path = join(directory, 'pod', 'data');
const readOnlyTarget = join(directory, 'pod', 'data-read-only');
const volume_capability = { mount: {}, access_mode: { mode: 'SINGLE_NODE_MULTI_WRITER' } } as const;

let stepCount = 0;
let shown: string[] = [];
let driver: DriverProcess | undefined;
let client: CsiClient | undefined;
// An interrupted demo cleans up as a failed one does.
process.once('SIGINT', () => void cleanUp().then(() => process.exit(1)));
try {
  await demonstrate();
} catch (error) {
  process.exitCode = 1;
  console.log(`\nThe demo failed: ${error instanceof Error ? error.message : error}`);
} finally {
  await cleanUp();
}

async function demonstrate(): Promise<void> {
  mkdirSync(staging_target_path);
  mkdirSync(join(directory, 'pod'));
  step('Start the driver', 'its state directory becomes a pool');
  driver = await startDriverProcess([
    `--statedir=${pool}`,
    `--endpoint=${join(directory, 'csi.sock')}`,
    '--nodeid=demo-node',
  ]);
  client = new CsiClient(driver.endpoint);
  const { controller, node } = client;
  await show();

  step('CreateVolume', 'built in .incoming, then renamed into volumes: it exists whole or not at all');
  const { volume } = await controller.CreateVolume({
    name: 'demo',
    capacity_range: { required_bytes: 64 * 1024 ** 2 },
    volume_capabilities: [volume_capability],
  });
  const volume_id = volume?.volume_id ?? '';
  await show();
  console.log(indent(readFileSync(join(pool, 'volumes', volume_id, 'volume.json'), 'utf8')));

  step('NodeStageVolume', 'the volume is bound at the staging path');
  await node.NodeStageVolume({ volume_id, staging_target_path, volume_capability });
  await show();

  step('NodePublishVolume', 'the target is made, and the staging path bound at it');
  await node.NodePublishVolume({ volume_id, staging_target_path, target_path, volume_capability });
  await show();

  step('A pod writes a file, and reads it back');
  writeFileSync(join(target_path, 'greeting'), 'hello');
  console.log(`  read back: ${readFileSync(join(target_path, 'greeting'), 'utf8')}`);
  await show();

  step('NodePublishVolume for a second pod, read-only', 'a write is refused by the kernel');
  const readOnly = { target_path: readOnlyTarget, readonly: true };
  await node.NodePublishVolume({ volume_id, staging_target_path, ...readOnly, volume_capability });
  await show();
  expectRefused(() => writeFileSync(join(readOnlyTarget, 'greeting'), 'overwritten'));

  step(
    'NodeGetVolumeStats',
    'the space of the volume; a plain directory, which nothing holds to its size, has that of its file system',
  );
  const { usage } = await node.NodeGetVolumeStats({ volume_id, volume_path: target_path });
  for (const { unit, total, used, available } of usage) {
    console.log(`  ${unit}: ${total} in all, ${used} used, ${available} available`);
  }

  step('DeleteVolume too early', 'a mounted volume cannot be deleted');
  const refusal = await controller.DeleteVolume({ volume_id }).then(
    () => undefined,
    (error: Error) => error.message,
  );
  if (refusal === undefined) throw new Error('a mounted volume was deleted');
  console.log(`  ${refusal}`);

  step(
    'NodeUnpublishVolume, twice, and NodeUnstageVolume',
    'the targets go, the staging path stays the CO’s',
  );
  await node.NodeUnpublishVolume({ volume_id, target_path });
  await node.NodeUnpublishVolume({ volume_id, target_path: readOnlyTarget });
  await node.NodeUnstageVolume({ volume_id, staging_target_path });
  await show();

  step('DeleteVolume', 'one rename into .outgoing, then the content goes in the background');
  await controller.DeleteVolume({ volume_id });
  while (existsSync(join(pool, '.outgoing')) && readdirSync(join(pool, '.outgoing')).length > 0)
    await nextTurn();
  await show();
}

/** Removes everything, however far the demo got. */
async function cleanUp(): Promise<void> {
  client?.close();
  driver?.kill('SIGTERM');
  await driver?.exit;
  for (const { path } of (await mountsHere()).reverse()) await unmount(path);
  rmSync(directory, { recursive: true, force: true });
  console.log('\nThe driver is stopped and everything is gone.');
}

function step(title: string, meaning?: string): void {
  stepCount++;
  console.log(`\n${stepCount}. ${title}${meaning ? `: ${meaning}` : ''}`);
}

/** Shows the changes on disk and in the mount table since the last call. */
async function show(): Promise<void> {
  const mounts = await mountsHere();
  const now = [
    ...tree(pool).map((path) => `disk   ${path}`),
    ...mounts.map(({ path, root }) => `mount  ${short(path)} shows ${short(root)}`),
  ];
  for (const line of shown.filter((each) => !now.includes(each))) console.log(`  - ${line}`);
  for (const line of now.filter((each) => !shown.includes(each))) console.log(`  + ${line}`);
  shown = now;
}

function tree(path: string): string[] {
  // The driver removes deleted content during this scan.
  const entries = existsSync(path) ? readdirSync(path, { withFileTypes: true }) : [];
  return entries.flatMap((entry) => {
    const child = join(path, entry.name);
    return entry.isDirectory() ? [`${short(child)}/`, ...tree(child)] : [short(child)];
  });
}

async function mountsHere(): Promise<MountEntry[]> {
  return (await readMountinfo()).filter(({ path }) => path.startsWith(`${directory}/`));
}

function short(path: string): string {
  return path.replace(`${directory}/`, '');
}

function expectRefused(write: () => void): void {
  try {
    write();
  } catch (error) {
    console.log(`  ${error instanceof Error ? error.message : error}`);
    return;
  }
  throw new Error('a read-only mount took a write');
}

function indent(text: string): string {
  return text.trimEnd().replace(/^/gm, '    ');
}
