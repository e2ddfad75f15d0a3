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

test('a successful call is reported once, with its reply', async () => {
  const { finished, monitor } = monitored();
  const reply = { ok: true };
  expect(await monitor.run(path, request, async () => reply)).toBe(reply);
  const durationMs = expect.any(Number);
  const outcome = { code: status.OK, durationMs, reply, error: undefined };
  expect(finished).toEqual([{ path, request, ...outcome, isRepeated: false }]);
});

test.each([
  [new VolumeError('not-found', 'gone'), status.NOT_FOUND],
  [new Error('a fault'), status.INTERNAL],
])('a failed call is reported once, with its error: %s', async (error, code) => {
  const { finished, monitor } = monitored();
  await expect(monitor.run(path, request, () => Promise.reject(error))).rejects.toBe(error);
  expect(finished).toMatchObject([{ path, code, request, reply: undefined, error }]);
});

test('is idle at once while no call is running', async () => {
  await monitored().monitor.idle();
});

test('is idle when the last call has ended, successfully or not', async () => {
  const { finished, monitor } = monitored();
  const [one, other] = [deferred<unknown>(), deferred<unknown>()];
  const calls = Promise.allSettled(
    [one, other].map(({ promise }) => monitor.run(path, request, () => promise)),
  );
  const finishedWhenIdle = [monitor.idle(), monitor.idle()].map((idle) => idle.then(() => finished.length));
  one.resolve({});
  await settled();
  expect(finished).toHaveLength(1);
  other.reject(new Error('a fault'));
  await calls;
  expect(await Promise.all(finishedWhenIdle)).toEqual([2, 2]);
});

test('a call that stalls is reported with the error that its caller gets, and again when its work ends', async () => {
  const { finished, monitor } = monitored();
  const work = deferred<unknown>();
  const call = monitor.start(path, request);
  const running = call.run(() => work.promise);
  const error = new VolumeError('unavailable', 'the pool does not respond');
  call.reportStalled(error);
  work.resolve({});
  await running;
  expect(finished).toMatchObject([
    { code: status.UNAVAILABLE, error, isRepeated: false },
    { code: status.OK, isRepeated: true },
  ]);
  const [stalled, ended] = finished.map(({ durationMs }) => durationMs);
  expect(stalled).toBeGreaterThan(0);
  expect(ended).toBeGreaterThanOrEqual(stalled ?? Number.NaN);
});

test('calls in progress are counted by their method until their work ends', async () => {
  const { monitor } = monitored();
  const other = '/csi.v1.Identity/Probe';
  const works = [path, path, other].map((each) => ({ each, work: deferred<unknown>() }));
  const calls = works.map(({ each, work }) => monitor.run(each, request, () => work.promise));
  expect([...monitor.activeCounts]).toEqual([
    [path, 2],
    [other, 1],
  ]);
  works[0]?.work.resolve({});
  works[2]?.work.resolve({});
  await Promise.all([calls[0], calls[2]]);
  expect([...monitor.activeCounts]).toEqual([[path, 1]]);
  works[1]?.work.resolve({});
  await Promise.all(calls);
  expect(monitor.activeCounts.size).toBe(0);
});
