import { status } from '@grpc/grpc-js';
import pino from 'pino';
import { expect, test } from 'vitest';
import { forwardedCallLogger } from '../../../src/observability/call-log.ts';
import type { ForwardedCall } from '../../../src/rpc/proxy/proxy-server.ts';

const { trace, debug, info, warn } = pino.levels.values;

/** The line that a call leaves in the log. */
function lineOf(changes: Partial<ForwardedCall>): unknown {
  const written: string[] = [];
  const logger = pino({ level: 'trace', base: null }, { write: (text: string) => void written.push(text) });
  const path = '/csi.v1.Controller/CreateVolume';
  forwardedCallLogger(logger)({ path, code: status.OK, durationMs: 1.23456, reason: undefined, ...changes });
  expect(written).toHaveLength(1);
  return JSON.parse(written[0] ?? '');
}

test('a call is one line: path, code and duration', () => {
  expect(lineOf({})).toEqual({
    level: info,
    time: expect.any(Number),
    msg: 'call',
    path: '/csi.v1.Controller/CreateVolume',
    code: 'OK',
    durationMs: 1.23,
  });
});

test('reads are at debug level, and probes, which come every few seconds, below that', () => {
  expect(lineOf({ path: '/csi.v1.Controller/ListVolumes' })).toMatchObject({ level: debug, code: 'OK' });
  expect(lineOf({ path: '/csi.v1.Identity/Probe' })).toMatchObject({ level: trace, code: 'OK' });
});

test.each(['/csi.v1.Identity/Probe', '/csi.v1.Controller/CreateVolume'])(
  'a call refused by the upstream is a warning, without its message: %s',
  (path) => {
    const line = lineOf({ path, code: status.NOT_FOUND });
    expect(line).toMatchObject({ level: warn, msg: 'call refused', code: 'NOT_FOUND' });
    expect(line).not.toHaveProperty('reason');
  },
);

test('a call that the proxy ends is a warning with its reason', () => {
  expect(lineOf({ code: status.UNAVAILABLE, reason: 'cannot reach unix:///s' })).toMatchObject({
    level: warn,
    msg: 'call refused',
    code: 'UNAVAILABLE',
    reason: 'cannot reach unix:///s',
  });
});
