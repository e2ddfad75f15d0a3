import { closeSync, openSync, readSync, writeSync } from 'node:fs';
import { expect, test } from 'vitest';
import { ioctlSync } from '../../../src/kernel/calls/ioctl.ts';
import { LOOP_STATUS_BYTES } from '../../../src/kernel/devices/loop-status.ts';
import { takeDown } from '../../support/copies.ts';
import { isHostRoot } from '../../support/host-root.ts';
import {
  blockDevice,
  deleteWithRetries,
  deviceBytes,
  expectNoLoops,
  image,
} from '../../support/image-node.ts';
import { outcomeOf, type Refusal } from '../../support/refusal.ts';
import { type Published, startedNode } from '../../support/test-node.ts';
import { Random, rounds } from '../support/random.ts';

const MIB = 1024 ** 2;
const BYTES = 16 * MIB;
const CHANGES = 6;
/** For the full form, which takes longer than other tests. */
const TIMEOUT_MS = 3_600_000;
const volume_capability = blockDevice();

/** struct loop_info64. */
const status = { offset: 24, sizeLimit: 32, flags: 52, name: 56 } as const;
const request = (name: string, number: number) => ({ name, number });
const LOOP_SET_STATUS64 = request('LOOP_SET_STATUS64', 0x4c04);
const LOOP_GET_STATUS64 = request('LOOP_GET_STATUS64', 0x4c05);
const LOOP_SET_CAPACITY = request('LOOP_SET_CAPACITY', 0x4c07);
const LOOP_SET_DIRECT_IO = request('LOOP_SET_DIRECT_IO', 0x4c08);
const LOOP_SET_BLOCK_SIZE = request('LOOP_SET_BLOCK_SIZE', 0x4c09);
const LOOP_CLR_FD = request('LOOP_CLR_FD', 0x4c01);

/** Everything that a process without privileges may ask of the device that it has open for writing. */
function reconfigure(device: string, random: Random): string {
  const setStatus = (name: keyof typeof status, change: (info: Buffer) => void) => () => {
    const info = Buffer.alloc(LOOP_STATUS_BYTES);
    ioctlSync(fd, LOOP_GET_STATUS64, info);
    change(info);
    ioctlSync(fd, LOOP_SET_STATUS64, info);
    return name;
  };
  const actions: Record<string, () => unknown> = {
    offset: setStatus('offset', (info) =>
      info.writeBigUInt64LE(BigInt(512 * random.below(9)), status.offset),
    ),
    'size limit': setStatus('sizeLimit', (info) =>
      info.writeBigUInt64LE(BigInt(512 * random.below(5000)), status.sizeLimit),
    ),
    flags: setStatus('flags', (info) => info.writeUInt32LE(random.pick([0, 4, 8, 12, 31]), status.flags)),
    label: setStatus('name', (info) =>
      Buffer.from(random.pick(['staged: ', 'staged: 0123456789ab9', 'x'.repeat(64), '\0', '\xff\xfe'])).copy(
        info,
        status.name,
      ),
    ),
    'direct I/O': () => ioctlSync(fd, LOOP_SET_DIRECT_IO, random.below(2)),
    'block size': () => ioctlSync(fd, LOOP_SET_BLOCK_SIZE, random.pick([512, 1024, 4096])),
    capacity: () => ioctlSync(fd, LOOP_SET_CAPACITY, 0),
    detach: () => ioctlSync(fd, LOOP_CLR_FD, 0),
  };
  const name = random.pick(Object.keys(actions));
  const fd = openSync(device, 'r+');
  try {
    actions[name]?.();
  } catch {
    // Some combinations are refused.
  } finally {
    closeSync(fd);
  }
  return name;
}

function firstBytes(device: string): string {
  const fd = openSync(device, 'r');
  const bytes = Buffer.alloc(16);
  readSync(fd, bytes, { position: 0 });
  closeSync(fd);
  return bytes.toString('latin1').replace(/\0+$/, '');
}

function write(device: string, text: string): void {
  const fd = openSync(device, 'r+');
  writeSync(fd, text, 0);
  closeSync(fd);
}

test.skipIf(!isHostRoot)(
  'a pod that reconfigures its own block device harms no other volume, and finds its own whole when it is staged again',
  async () => {
    const node = await startedNode();
    const random = new Random('own devices');
    const neighbour = await node.createPublished('neighbour', volume_capability, image(BYTES));
    write(neighbour.target_path, 'of the neighbour');
    for (let round = 0; round < rounds(2); round++) {
      const paths = await node.createPublished(`own ${round}`, volume_capability, image(BYTES));
      const { volume_id, target_path: volume_path } = paths;
      write(volume_path, 'own content');
      const done: string[] = [];
      const allowed = ['OK', 'FAILED_PRECONDITION', 'ALREADY_EXISTS', 'NOT_FOUND'];
      const expectAnswered = async (name: string, call: Promise<unknown>) => {
        const outcome = await outcomeOf(call);
        expect(allowed, `${done.join()}: ${name}: ${JSON.stringify(outcome)}`).toContain(codeOf(outcome));
      };
      for (let change = 0; change < CHANGES; change++) {
        done.push(reconfigure(volume_path, random));
        await expectAnswered('stats', node.node.NodeGetVolumeStats({ volume_id, volume_path }));
        await expectAnswered('stage', node.node.NodeStageVolume({ ...paths, volume_capability }));
        await expectAnswered('health', node.controller.ControllerGetVolumeHealth({ volume_id }));
        const capacity_range = { required_bytes: BYTES + change * MIB };
        await expectAnswered('expand', node.controller.ControllerExpandVolume({ volume_id, capacity_range }));
        await expectAnswered(
          'expand on node',
          node.node.NodeExpandVolume({ volume_id, volume_path, capacity_range }),
        );
      }
      // Whatever became of the device, the pod's node of it does not lead to another volume.
      const other = await node.createPublished(`other ${round}`, volume_capability, image(BYTES));
      write(other.target_path, 'of another');
      expect(firstBytes(volume_path), done.join()).not.toBe('of another');
      await takeDown(node, other);
      await deleteWithRetries(node, other);
      await takeDown(node, paths);
      await stagedAgain(paths);
      expect(firstBytes(neighbour.target_path)).toBe('of the neighbour');
      expect(deviceBytes(neighbour.target_path)).toBe(BYTES);
    }

    async function stagedAgain(paths: Published): Promise<void> {
      await node.node.NodeStageVolume({ ...paths, volume_capability });
      await node.node.NodePublishVolume({ ...paths, volume_capability });
      expect(firstBytes(paths.target_path)).toBe('own content');
      expect(deviceBytes(paths.target_path)).toBe(BYTES + (CHANGES - 1) * MIB);
      await takeDown(node, paths);
      await deleteWithRetries(node, paths);
    }

    await takeDown(node, neighbour);
    await expectNoLoops(node);
  },
  TIMEOUT_MS,
);

const codeOf = (outcome: 'OK' | Refusal) => (outcome === 'OK' ? outcome : outcome.code);
