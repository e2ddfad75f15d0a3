import { status } from '@grpc/grpc-js';
import { expect, test } from 'vitest';
import { VolumeError } from '../../../src/model/errors.ts';
import { CallMonitor, type FinishedCall } from '../../../src/rpc/call-monitor.ts';
import { deferred, settled } from '../model/fakes/gate.ts';

function monitored() {
  const finished: FinishedCall[] = [];
  return { finished, monitor: new CallMonitor((call) => finished.push(call)) };
}

const path = '/csi.v1.Node/NodeStageVolume';
const request = { volume_id: 'v' };

test('a call that succeeds is told once, with its reply', async () => {
  const { finished, monitor } = monitored();
  const reply = { ok: true };
  expect(await monitor.watch(path, request, async () => reply)).toBe(reply);
  const durationMs = expect.any(Number);
  expect(finished).toEqual([{ path, code: status.OK, durationMs, request, reply, error: undefined }]);
});

test.each([
  [new VolumeError('not-found', 'gone'), status.NOT_FOUND],
  [new Error('a fault'), status.INTERNAL],
])('a call that fails is told once, with what was thrown: %s', async (error, code) => {
  const { finished, monitor } = monitored();
  await expect(monitor.watch(path, request, () => Promise.reject(error))).rejects.toBe(error);
  expect(finished).toMatchObject([{ path, code, request, reply: undefined, error }]);
});

test('is idle at once while no call is under way', async () => {
  await monitored().monitor.idle();
});

test('is idle when the last call has ended, well or not', async () => {
  const { finished, monitor } = monitored();
  const [one, other] = [deferred<unknown>(), deferred<unknown>()];
  const calls = Promise.allSettled(
    [one, other].map(({ promise }) => monitor.watch(path, request, () => promise)),
  );
  const finishedWhenIdle = [monitor.idle(), monitor.idle()].map((idle) => idle.then(() => finished.length));
  one.resolve({});
  await settled();
  expect(finished).toHaveLength(1);
  other.reject(new Error('a fault'));
  await calls;
  expect(await Promise.all(finishedWhenIdle)).toEqual([2, 2]);
});
