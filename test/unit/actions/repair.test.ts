import { expect, test } from 'vitest';
import { actions } from '../../../src/actions/actions.ts';
import { callAction } from '../../../src/cli/call-action.ts';
import { VolumeError } from '../../../src/model/errors.ts';
import { exclusive } from '../../../src/model/state/holds.ts';
import { fakeNode } from '../model/fakes/model.ts';
import { servedActions } from './served-actions.ts';

async function nodeWithStuckRemoval(reasonLater: string | undefined) {
  const node = fakeNode();
  const retried: string[] = [];
  Object.assign(node.pool, {
    removals: { pendingCount: 1, failingCount: 1, stuck: [{ directory: '/d', reason: 'EBUSY' }] },
    retryRemoval: async (directory: string) => {
      retried.push(directory);
      return reasonLater;
    },
  });
  const { socket } = await servedActions(actions, node.model);
  const told: string[] = [];
  const repair = (dryRun: boolean) =>
    callAction(socket, 'repair', { dryRun }, { onProgress: async (text) => void told.push(text) });
  return { ...node, retried, told, repair };
}

const stuck = {
  subject: 'pool default',
  reason: 'DeletedContentLeft',
  problem: '/d cannot be removed: EBUSY',
  repair: 'remove /d, whose volume is deleted',
};

test('content that could not be removed is tried again now', async () => {
  const { repair, retried, told } = await nodeWithStuckRemoval(undefined);
  expect(await repair(true)).toEqual({ repairs: [stuck] });
  expect([retried, told]).toEqual([[], []]);
  expect(await repair(false)).toEqual({ repairs: [stuck] });
  expect([retried, told]).toEqual([['/d'], ['pool default: remove /d, whose volume is deleted']]);
});

test('why a repair is not possible is shown with it', async () => {
  const { repair } = await nodeWithStuckRemoval('EPERM: immutable');
  expect(await repair(false)).toEqual({ repairs: [{ ...stuck, error: 'EPERM: immutable' }] });
});

test('of two repairs at once, one is refused; a dry run is not', async () => {
  const { repair, model, retried } = await nodeWithStuckRemoval(undefined);
  const other = model.holds.hold([exclusive('action', 'repair')]);
  await expect(repair(false)).rejects.toThrow('another call is in progress for action "repair"; retry later');
  expect(retried).toEqual([]);
  await repair(true);
  other.release();
  await repair(false);
});

test('a volume that a call works on is not repaired meanwhile', async () => {
  const { repair, model, addVolume, mounts } = await nodeWithStuckRemoval(undefined);
  const targetPath = '/kubelet/pods/p/volumes/x/mount';
  mounts.tree.makeDirectory('/kubelet/pods');
  mounts.tree.makeDirectory('/kubelet/pods/other');
  const { id } = await addVolume('inline', {
    inline: { targetPath, readOnly: false, attributes: {} } as never,
  });
  const call = model.holds.hold([exclusive('volume', id)]);
  expect(await repair(false)).toMatchObject({
    repairs: [
      {},
      { subject: `volume ${id}`, error: `another call is in progress for volume "${id}"; retry later` },
    ],
  });
  expect(model.catalogue.volumes.findIntact(id)).toBeDefined();
  call.release();
  await repair(false);
  expect(model.catalogue.volumes.findIntact(id)).toBeUndefined();
});

test('a pool that cannot be reached is left out', async () => {
  const { repair, pool, retried } = await nodeWithStuckRemoval(undefined);
  pool.checkReachable = () => Promise.reject(new VolumeError('unavailable', 'gone'));
  expect(await repair(false)).toEqual({ repairs: [] });
  expect(retried).toEqual([]);
});
