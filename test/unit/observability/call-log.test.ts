import { status } from '@grpc/grpc-js';
import pino from 'pino';
import { describe, expect, test } from 'vitest';
import { DiskError, prefixed, VolumeError } from '../../../src/model/errors.ts';
import { callLogger } from '../../../src/observability/call-log.ts';
import { CallMonitor, type FinishedCall } from '../../../src/rpc/call-monitor.ts';
import { EncodedReply } from '../../../src/rpc/encoded-reply.ts';
import { csiServices } from '../../../src/rpc/proto.ts';
import { STRIPPED } from '../../../src/rpc/secrets.ts';

interface Line {
  readonly level: number;
  readonly msg: string;
  readonly [field: string]: unknown;
}

async function logOf(verbosity: number) {
  const written: string[] = [];
  const write = (line: string) => void written.push(line);
  const logger = pino({ level: 'trace', base: null }, { write });
  const log = await callLogger(logger, verbosity);
  const lines = () => written.map((line) => JSON.parse(line) as Line);
  return { log, lines, text: () => written.join('') };
}

function finishedCall(changes: Partial<FinishedCall> = {}): FinishedCall {
  const path = '/csi.v1.Controller/CreateVolume';
  const outcome = { code: status.OK, durationMs: 1.23456, reply: {}, error: undefined };
  return { path, request: {}, ...outcome, isRepeated: false, ...changes };
}

const { trace, debug, info, warn, error } = pino.levels.values;

test('a call is one line: method, code, duration and volume', async () => {
  const { log, lines } = await logOf(2);
  const volume = { volume_id: 'v-1' };
  log(finishedCall({ request: { name: 'pvc-1', parameters: { pool: 'fast' } }, reply: { volume } }));
  expect(lines()).toEqual([
    {
      level: info,
      time: expect.any(Number),
      msg: 'call',
      method: 'CreateVolume',
      code: 'OK',
      durationMs: 1.23,
      name: 'pvc-1',
      volumeId: 'v-1',
    },
  ]);
});

test('the volume of the request is logged, if there is one', async () => {
  const { log, lines } = await logOf(2);
  log(finishedCall({ request: { volume_id: 'v-2' } }));
  log(finishedCall({ request: { volume_id: '', name: 7 }, reply: undefined }));
  expect(lines()[0]).toMatchObject({ volumeId: 'v-2' });
  expect(lines()[1]).not.toHaveProperty('volumeId');
  expect(lines()[1]).not.toHaveProperty('name');
});

test.each([
  ['CreateSnapshot', { name: 's', source_volume_id: 'v' }, { snapshot: { snapshot_id: 's-1' } }],
  ['DeleteVolumeGroupSnapshot', { group_snapshot_id: 'g-1' }, {}],
  ['GetMetadataDelta', { base_snapshot_id: 's-1', target_snapshot_id: 's-2' }, {}],
  ['CreateVolumeGroupSnapshot', { name: 'g' }, { group_snapshot: { group_snapshot_id: 'g-1' } }],
])('%s logs its snapshots and groups', async (method, request, reply) => {
  const { log, lines } = await logOf(2);
  log(finishedCall({ path: `/csi.v1.Controller/${method}`, request, reply }));
  const logged = Object.values(lines()[0] ?? {});
  const wanted = [...Object.values(request), ...Object.values(reply).flatMap((each) => Object.values(each))];
  expect(logged).toEqual(expect.arrayContaining(wanted));
});

test('reads are at debug level, and probes, which come every few seconds, below that', async () => {
  const { log, lines } = await logOf(2);
  log(finishedCall({ path: '/csi.v1.Node/NodeGetVolumeStats' }));
  log(finishedCall({ path: '/csi.v1.Identity/Probe' }));
  expect(lines()).toMatchObject([
    { level: debug, method: 'NodeGetVolumeStats' },
    { level: trace, method: 'Probe' },
  ]);
});

test.each(['/csi.v1.Identity/Probe', '/csi.v1.Controller/CreateVolume'])(
  'a refused call is a warning with the reason: %s',
  async (path) => {
    const { log, lines } = await logOf(2);
    const reason = new VolumeError('not-found', 'volume "v" does not exist');
    log(finishedCall({ path, code: status.NOT_FOUND, error: reason, reply: undefined }));
    log(finishedCall({ path, code: status.ABORTED, error: 'not an Error', reply: undefined }));
    expect(lines()).toMatchObject([
      { level: warn, msg: 'call refused', code: 'NOT_FOUND', reason: 'volume "v" does not exist' },
      { level: warn, msg: 'call refused', code: 'ABORTED', reason: 'not an Error' },
    ]);
  },
);

test('a call that failed on the disk shows the system call behind it', async () => {
  const { log, lines } = await logOf(2);
  const cause = Object.assign(new Error('EIO: i/o error, open'), {
    code: 'EIO',
    syscall: 'open',
    path: '/p',
  });
  const error = prefixed('volume "v"', new DiskError('unavailable', 'pool "p" does not answer', { cause }));
  log(finishedCall({ code: status.UNAVAILABLE, error, reply: undefined }));
  expect(lines()).toMatchObject([
    {
      level: warn,
      msg: 'call refused',
      reason: 'volume "v": pool "p" does not answer',
      cause: { message: 'EIO: i/o error, open', code: 'EIO', syscall: 'open', path: '/p' },
    },
  ]);
});

test('an internal error is an error with its stack and cause', async () => {
  const { log, lines } = await logOf(2);
  const fault = new TypeError('undefined is not a function', { cause: new Error('EIO') });
  log(finishedCall({ code: status.INTERNAL, error: fault, reply: undefined }));
  expect(lines()).toMatchObject([
    { level: error, msg: 'call failed', code: 'INTERNAL', err: { type: 'TypeError' } },
  ]);
  expect(JSON.stringify(lines()[0]?.['err'])).toContain('EIO');
});

describe('the content of calls', () => {
  const call = finishedCall({
    request: { name: 'pvc-1', parameters: { pool: 'fast' } },
    reply: { volume: null },
  });

  test('is not shown below verbosity 5', async () => {
    const { log, lines } = await logOf(4);
    log(call);
    expect(lines()[0]).not.toHaveProperty('request');
    expect(lines()[0]).not.toHaveProperty('reply');
  });

  test('is shown from verbosity 5 on', async () => {
    const { log, lines } = await logOf(5);
    log(call);
    expect(lines()[0]).toMatchObject({ request: { parameters: { pool: 'fast' } }, reply: { volume: null } });
  });

  test.each([
    ['/csi.v1.Controller/CreateVolume', undefined],
    ['/csi.v1.Controller/DeleteVolume', new VolumeError('precondition', 'not now')],
    ['/csi.v1.Node/NodeStageVolume', new Error('a fault')],
    ['/csi.v1.Node/NodePublishVolume', undefined],
    ['/csi.v1.GroupController/CreateVolumeGroupSnapshot', undefined],
    ['/csi.v1.SnapshotMetadata/GetMetadataDelta', undefined],
  ])('never shows a secret: %s', async (path, failure) => {
    const { log, lines, text } = await logOf(5);
    const request = { volume_id: 'v', secrets: { user: 'hunter2', hunter2: 'x' } };
    const run = () => (failure ? Promise.reject(failure) : Promise.resolve({}));
    await new CallMonitor(log).run(path, request, run).catch(() => {});
    expect(lines()[0]).toMatchObject({ request: { secrets: STRIPPED } });
    expect(text()).not.toContain('hunter2');
  });

  test('never shows the tokens of a service account', async () => {
    const { log, text } = await logOf(5);
    const volume_context = { 'csi.storage.k8s.io/serviceAccount.tokens': 'hunter2', size: 'large' };
    const failure = new VolumeError('invalid', 'volume_context.size: "large" must be a size');
    const run = () => Promise.reject(failure);
    await new CallMonitor(log).run('/csi.v1.Node/NodePublishVolume', { volume_context }, run).catch(() => {});
    expect(text()).toContain('large');
    expect(text()).not.toContain('hunter2');
  });

  test('is never shown for an unknown method, because it may contain secrets', async () => {
    const { log, text } = await logOf(5);
    log(finishedCall({ path: '/csi.v1.Node/NodeTellFortune', request: { fortune: 'hunter2' } }));
    expect(text()).not.toContain('hunter2');
  });
});

test('the content of a reply that is encoded already is shown', async () => {
  const { log, lines } = await logOf(5);
  const codec = csiServices.Controller.ListVolumes;
  const listOf = (volume_id: string) => codec.responseSerialize({ entries: [{ volume: { volume_id } }] });
  const reply = new EncodedReply(codec, [listOf('v'), listOf('w')]);
  log(finishedCall({ path: '/csi.v1.Controller/ListVolumes', reply }));
  expect(lines()).toMatchObject([
    { reply: { entries: [{ volume: { volume_id: 'v' } }, { volume: { volume_id: 'w' } }] } },
  ]);
});
