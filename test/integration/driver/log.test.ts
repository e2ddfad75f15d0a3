import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { beforeAll, describe, expect, test } from 'vitest';
import { csiServices } from '../../../src/rpc/proto.ts';
import type { DriverProcess } from '../../support/driver-process.ts';
import { outcomeOf } from '../../support/refusal.ts';
import { createRequest, mountCapability } from '../../support/requests.ts';
import { TestNode, testNode } from '../../support/test-node.ts';

const volume_capability = mountCapability();
const SECRET = 'correct-horse-battery-staple';
const secrets = { password: SECRET, [`key-${SECRET}`]: 'x' };
const volume_context = { 'csi.storage.k8s.io/serviceAccount.tokens': `{"vault":"${SECRET}"}` };

type Line = Record<string, unknown> & { readonly msg: string };

function linesOf(driver: DriverProcess): Line[] {
  return driver
    .log()
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as Line);
}

function callsIn(driver: DriverProcess): Line[] {
  return linesOf(driver).filter((line) => 'method' in line);
}

/** A full lifecycle with secrets in every request that can carry them, some of them refused. */
async function liveWithSecrets(node: TestNode): Promise<void> {
  const { controller, node: nodeService } = node;
  const volume_id = await node.create('life', { secrets });
  const paths = { volume_id, staging_target_path: node.newStaging(), target_path: node.newPath() };
  await controller.ValidateVolumeCapabilities({
    volume_id,
    volume_capabilities: [volume_capability],
    volume_context,
    secrets,
  });
  const mount = { ...paths, volume_capability, volume_context, secrets };
  await nodeService.NodeStageVolume(mount);
  await nodeService.NodePublishVolume(mount);
  await outcomeOf(nodeService.NodePublishVolume({ ...mount, readonly: true }));
  await outcomeOf(controller.DeleteVolume({ volume_id, secrets }));
  await outcomeOf(controller.CreateVolume(createRequest('life', { secrets, parameters: { mode: '0700' } })));
  await outcomeOf(controller.CreateVolume(createRequest('', { secrets })));
  await nodeService.NodeUnpublishVolume(paths);
  await nodeService.NodeUnstageVolume(paths);
  await controller.DeleteVolume({ volume_id, secrets });
}

/** Every RPC, with secrets and nothing else. */
async function callEveryRpcWithSecrets(node: TestNode): Promise<number> {
  const services = { Controller: node.controller, Node: node.node, GroupController: node.groupController };
  let count = 0;
  for (const [service, calls] of Object.entries(services)) {
    for (const name of Object.keys(csiServices[service as keyof typeof services])) {
      await outcomeOf(
        (calls as Record<string, (request: object) => Promise<unknown>>)[name]?.({ secrets }) ??
          Promise.resolve(),
      );
      count++;
    }
  }
  return count;
}

describe('with -v=5', () => {
  let node: TestNode;
  let driver: DriverProcess;

  beforeAll(async () => {
    node = new TestNode();
    driver = await node.start({ flags: ['-v=5'], ownProcess: true });
    return () => node.dispose();
  });

  test('no secret is in the log of succeeding or failing calls, but requests are', async () => {
    await liveWithSecrets(node);
    expect(driver.log()).not.toContain(SECRET);
    const created = callsIn(driver).find((line) => line['method'] === 'CreateVolume');
    expect(created).toMatchObject({ request: { name: 'life', secrets: '***stripped***' } });
  });

  test('no secret is in the log of any RPC', async () => {
    expect(await callEveryRpcWithSecrets(node)).toBeGreaterThan(25);
    expect(driver.log()).not.toContain(SECRET);
    expect(driver.log()).toContain('***stripped***');
  });

  test('no secret is in a record', async () => {
    const volume_id = await node.create('recorded', { secrets });
    expect(readFileSync(`${node.pool}/volumes/${volume_id}/volume.json`, 'utf8')).not.toContain(SECRET);
  });
});

test('each call is one line of JSON, with its method, code, duration and volume', async () => {
  const node = testNode();
  const driver = await node.start({ flags: ['-v=4'], ownProcess: true });
  const volume_id = await node.create('logged');
  await node.controller.ControllerGetVolume({ volume_id });
  await outcomeOf(node.controller.ControllerGetVolume({ volume_id: 'absent' }));
  await outcomeOf(node.controller.ControllerModifyVolume({}));
  await node.stop();
  const durationMs = expect.any(Number);
  expect(callsIn(driver)).toEqual([
    expect.objectContaining({
      method: 'CreateVolume',
      code: 'OK',
      durationMs,
      volumeId: volume_id,
      name: 'logged',
    }),
    expect.objectContaining({ method: 'ControllerGetVolume', code: 'OK', durationMs, volumeId: volume_id }),
    expect.objectContaining({
      method: 'ControllerGetVolume',
      code: 'NOT_FOUND',
      volumeId: 'absent',
      reason: expect.stringContaining('absent'),
    }),
    expect.objectContaining({ method: 'ControllerModifyVolume', code: 'UNIMPLEMENTED' }),
  ]);
});

test('without -v, neither requests nor read-only calls are in the log', async () => {
  const node = testNode();
  const driver = await node.start({ ownProcess: true });
  await node.identity.Probe({});
  await node.identity.GetPluginInfo({});
  await node.controller.GetCapacity({});
  await node.controller.ListVolumes({});
  await node.node.NodeGetStorageHealth({});
  await node.create('plain', { parameters: { mode: '0711' } });
  await node.stop();
  expect(callsIn(driver).map((line) => line['method'])).toEqual(['CreateVolume']);
  expect(driver.log()).not.toContain('0711');
});

test('text from users stays on its line of the log', async () => {
  const node = testNode();
  const driver = await node.start({ ownProcess: true });
  const volume_id = 'a\nb\u001b[31m{"level":60,"msg":"forged"}';
  await outcomeOf(node.controller.ControllerGetVolume({ volume_id }));
  await node.stop();
  expect(callsIn(driver)).toEqual([expect.objectContaining({ volumeId: volume_id })]);
  expect(linesOf(driver).filter((line) => line.msg === 'forged')).toEqual([]);
  expect(driver.log()).not.toContain('\u001b');
});

test('an internal error has a fixed message for the caller, and its cause is in the log', async () => {
  const node = testNode();
  const driver = await node.start({ ownProcess: true });
  rmSync(`${node.pool}/.incoming`, { recursive: true });
  writeFileSync(`${node.pool}/.incoming`, '');
  const outcome = await outcomeOf(node.controller.CreateVolume(createRequest('fails')));
  expect(outcome).toMatchObject({ code: 'INTERNAL', details: expect.not.stringContaining(node.pool) });
  await node.stop();
  expect(callsIn(driver)).toEqual([
    expect.objectContaining({
      code: 'INTERNAL',
      err: expect.objectContaining({ message: expect.stringContaining(node.pool) }),
    }),
  ]);
});
