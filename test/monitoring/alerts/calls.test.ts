import { copyFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, test } from 'vitest';
import { hang } from '../../support/frozen-disk.ts';
import { isHostRoot } from '../../support/host-root.ts';
import { outcomeOf, refusalOf } from '../../support/refusal.ts';
import { nodeWithDisk } from '../support/faulty-node.ts';
import { monitoredNode } from '../support/monitored-node.ts';

const onDisk = { parameters: { pool: 'disk' } };
const deadlineIn = (seconds: number) => ({ deadline: Date.now() + seconds * 1000 });

test('an alert fires while calls fail with errors that are no fault of the caller', async () => {
  const { node, alerts, restart } = await monitoredNode();
  const volume_id = await node.create('data');
  const record = join(node.pool, 'volumes', volume_id, 'volume.json');
  const backup = join(node.directory, 'volume.json');
  copyFileSync(record, backup);
  const get = () => node.controller.ControllerGetVolume({ volume_id });
  await alerts.expectAlert(
    'CallsFailing',
    { node: 'node-1', method_name: '/csi.v1.Controller/ControllerGetVolume' },
    {
      async fault() {
        writeFileSync(record, '{');
        await restart();
      },
      goingOn: () => refusalOf(get()),
      async remedy() {
        copyFileSync(backup, record);
        await restart();
        await get();
      },
    },
  );
});

describe.skipIf(!isHostRoot)('while a disk hangs', () => {
  const ofDelete = { node: 'node-1', method_name: '/csi.v1.Controller/DeleteVolume' };

  test('an alert fires about the calls that it has delayed', async () => {
    const { node, disk, alerts } = await nodeWithDisk();
    const ids: string[] = [];
    for (let count = 0; count < 12; count++) ids.push(await node.create(`data-${count}`, onDisk));
    let goOn = async () => {};
    await alerts.expectAlert('CallsSlow', ofDelete, {
      async fault() {
        goOn = await hang(disk.path);
      },
      // As patient as csi-provisioner.
      goingOn: () => outcomeOf(node.controller.DeleteVolume({ volume_id: ids.pop() ?? '' }, deadlineIn(12))),
      remedy: () => goOn(),
    });
  });

  test('an alert fires about the calls that wait for it', async () => {
    const { node, disk, alerts } = await nodeWithDisk();
    const volume_id = await node.create('data', onDisk);
    let goOn = async () => {};
    await alerts.expectAlert('CallsHanging', ofDelete, {
      async fault() {
        goOn = await hang(disk.path);
        await refusalOf(node.controller.DeleteVolume({ volume_id }, deadlineIn(3)));
      },
      remedy: () => goOn(),
    });
  });
});
