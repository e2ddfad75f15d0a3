import { constants, type ServerHttp2Stream } from 'node:http2';
import { type ServerDuplexStream, status } from '@grpc/grpc-js';
import { describe, expect, test } from 'vitest';
import { eventually } from '../../../support/eventually.ts';
import { deferred } from '../../model/fakes/gate.ts';
import { EchoClient, exchangeOf, serveEcho } from './echo-service.ts';
import { answerWithFrames, requestWithFrames } from './frames.ts';
import { newSocket, startProxy } from './proxied.ts';
import { connectRaw, endOf, openRaw, serveRaw } from './raw-http2.ts';

const { NGHTTP2_CANCEL, NGHTTP2_ENHANCE_YOUR_CALM, NGHTTP2_INADEQUATE_SECURITY } = constants;
const { NGHTTP2_INTERNAL_ERROR, NGHTTP2_NO_ERROR, NGHTTP2_REFUSED_STREAM } = constants;

const word = Buffer.from('word');
const headers = { ':status': 200, 'content-type': 'application/grpc' };

/** A call that has reached the server and is not answered. */
async function callUnderWay(options: object = {}) {
  const target = newSocket();
  const began = deferred<ServerDuplexStream<Buffer, Buffer>>();
  await serveEcho(target, {
    Chat(call) {
      call.on('error', () => {});
      began.resolve(call);
    },
  });
  const proxy = await startProxy(target);
  const client = new EchoClient(proxy.endpoint);
  const call = client.open('Chat', undefined, options);
  const exchange = exchangeOf(call);
  call.write(word);
  const atServer = await began.promise;
  const cancelled = new Promise((resolve) => atServer.on('cancelled', resolve));
  return { proxy, call, exchange, cancelled };
}

/** A stream that has reached a server of the test's own, and both its ends. */
async function rawStream() {
  const target = newSocket();
  const came = deferred<ServerHttp2Stream>();
  await serveRaw(target, came.resolve);
  const proxy = await startProxy(target);
  const session = connectRaw(proxy.endpoint);
  const caller = openRaw(session);
  const end = endOf(caller);
  return { proxy, session, caller, end, atServer: await came.promise };
}

describe('a caller', () => {
  test('that cancels is noticed by the server', async () => {
    const { call, exchange, cancelled, proxy } = await callUnderWay();
    call.cancel();
    await cancelled;
    expect((await exchange).status.code).toBe(status.CANCELLED);
    expect(proxy.finished).toMatchObject([
      { code: status.CANCELLED, reason: expect.stringContaining('the caller') },
    ]);
  });

  test('whose deadline expires is told so, and the server notices', async () => {
    const { exchange, cancelled } = await callUnderWay({ deadline: Date.now() + 2000 });
    await cancelled;
    expect((await exchange).status.code).toBe(status.DEADLINE_EXCEEDED);
  });

  test('whose connection breaks has cancelled its calls', async () => {
    const { proxy, session, atServer } = await rawStream();
    const closed = new Promise((resolve) => atServer.on('close', resolve));
    session.destroy();
    await closed;
    expect(atServer.rstCode).toBe(NGHTTP2_CANCEL);
    expect(proxy.finished).toMatchObject([{ code: status.CANCELLED }]);
  });

  test('that disconnects in the middle of its request has not completed it for the server', async () => {
    const { session, caller, atServer } = await rawStream();
    const closed = new Promise((resolve) => atServer.on('close', resolve));
    let isWhole = false;
    // Node reports the end of an aborted stream, too.
    atServer.on('end', () => {
      isWhole = !atServer.aborted;
    });
    caller.write(word);
    atServer.once('data', () => session.destroy());
    await closed;
    expect(isWhole).toBe(false);
  });

  test('that has reset its stream, with any code, has cancelled it for the server', async () => {
    const { caller, atServer, proxy } = await rawStream();
    const closed = new Promise((resolve) => atServer.on('close', resolve));
    caller.close(NGHTTP2_INTERNAL_ERROR);
    await closed;
    expect(atServer.rstCode).toBe(NGHTTP2_CANCEL);
    expect(proxy.finished).toMatchObject([
      { code: status.INTERNAL, reason: expect.stringContaining('reset') },
    ]);
  });
});

describe('a server', () => {
  test.each([
    [NGHTTP2_CANCEL, status.CANCELLED],
    [NGHTTP2_REFUSED_STREAM, status.UNAVAILABLE],
    [NGHTTP2_ENHANCE_YOUR_CALM, status.RESOURCE_EXHAUSTED],
    [NGHTTP2_INADEQUATE_SECURITY, status.PERMISSION_DENIED],
    [NGHTTP2_INTERNAL_ERROR, status.INTERNAL],
    [NGHTTP2_NO_ERROR, status.INTERNAL],
  ])('that resets a stream with code %i resets it for the caller', async (resetCode, code) => {
    const { atServer, end, proxy } = await rawStream();
    atServer.close(resetCode);
    expect(await end).toMatchObject({ headers: undefined, resetCode });
    expect(proxy.finished).toMatchObject([{ code, reason: expect.stringContaining('reset the stream') }]);
  });

  test('that resets a stream in the middle of its reply resets it for the caller', async () => {
    const { atServer, caller, end } = await rawStream();
    atServer.respond(headers);
    atServer.write(word);
    caller.once('data', () => atServer.close(NGHTTP2_INTERNAL_ERROR));
    expect(await end).toMatchObject({ data: word, trailers: undefined, resetCode: NGHTTP2_INTERNAL_ERROR });
  });

  test.each([
    ['in one frame', Buffer.alloc(0)],
    ['with more data than a window holds', Buffer.alloc(3 * 1024 ** 2, 'x')],
  ])('that replies before the request is complete, %s, receives no more of it', async (_, answer) => {
    const { atServer, caller, end, proxy } = await rawStream();
    if (answer.length === 0) {
      atServer.respond({ ...headers, 'grpc-status': '8' }, { endStream: true });
    } else {
      atServer.respond(headers, { waitForTrailers: true });
      atServer.on('wantTrailers', () => atServer.sendTrailers({ 'grpc-status': '8' }));
      atServer.end(answer);
    }
    // Far more than fits anywhere on the way to a server that does not read it.
    caller.once('end', () => caller.end(Buffer.alloc(64 * 1024 ** 2)));
    const { data, headers: first, trailers, resetCode } = await end;
    expect(data.equals(answer)).toBe(true);
    expect(trailers ?? first).toMatchObject({ 'grpc-status': '8' });
    expect(resetCode).toBe(NGHTTP2_NO_ERROR);
    await eventually(() => expect(proxy.finished).toMatchObject([{ code: status.RESOURCE_EXHAUSTED }]));
  });

  test('that replies without trailers is passed on unchanged', async () => {
    const { atServer, caller, end, proxy } = await rawStream();
    caller.end();
    atServer.respond(headers);
    atServer.end(word);
    expect(await end).toMatchObject({ data: word, trailers: undefined, resetCode: NGHTTP2_NO_ERROR });
    expect(proxy.finished).toMatchObject([{ code: status.INTERNAL }]);
  });

  test.each(['17', '-1', '', 'x', '007'])(
    'that replies with the invalid status %j is passed on unchanged',
    async (grpcStatus) => {
      const { atServer, caller, end, proxy } = await rawStream();
      caller.end();
      atServer.respond({ ...headers, 'grpc-status': grpcStatus }, { endStream: true });
      expect(await end).toMatchObject({ headers: { 'grpc-status': grpcStatus } });
      expect(proxy.finished).toMatchObject([{ code: status.UNKNOWN }]);
    },
  );
});

describe('headers', () => {
  test('that Node receives but cannot send make the call fail', async () => {
    const target = newSocket();
    await serveRaw(target, () => {});
    const proxy = await startProxy(target);
    requestWithFrames(proxy.endpoint, [
      [':method', 'POST'],
      [':scheme', 'http'],
      [':path', '/a/B'],
      [':authority', 'localhost'],
      ['http2-settings', 'x'],
    ]);
    const reason = expect.stringContaining('http2-settings');
    await eventually(() =>
      expect(proxy.finished).toMatchObject([{ path: '/a/B', code: status.INTERNAL, reason }]),
    );
  });

  test('of a reply that Node receives but cannot send reset the stream', async () => {
    const target = newSocket();
    await answerWithFrames(target, [
      [':status', '200'],
      ['http2-settings', 'x'],
    ]);
    const proxy = await startProxy(target);
    const end = await endOf(openRaw(connectRaw(proxy.endpoint)));
    expect(end).toMatchObject({ headers: undefined, resetCode: NGHTTP2_INTERNAL_ERROR });
    expect(proxy.finished).toMatchObject([
      { code: status.INTERNAL, reason: expect.stringContaining('http2-settings') },
    ]);
  });

  test('keep their order, and two values of one name stay separate', async () => {
    const target = newSocket();
    const came = deferred<readonly string[]>();
    await serveRaw(target, (stream, _headers, raw) => {
      came.resolve(raw);
      stream.respond({ ...headers, 'set-cookie': ['c', 'd'], date: 'some day' }, { waitForTrailers: true });
      stream.on('wantTrailers', () => stream.sendTrailers({ 'x-twice': ['5', '6'], 'grpc-status': '0' }));
      stream.end();
    });
    const proxy = await startProxy(target);
    const caller = openRaw(connectRaw(proxy.endpoint), {
      ':authority': 'the-driver',
      'x-twice': ['1', '2, 3'],
      'grpc-timeout': '100S',
      cookie: ['a=1', 'b=2'],
      ['__proto__']: 'header',
    });
    const end = endOf(caller);
    caller.end();
    expect(pairs(await came.promise)).toEqual([
      [':method', 'POST'],
      [':path', '/proxy.test.Echo/Raw'],
      [':authority', 'the-driver'],
      [':scheme', 'http'],
      ['content-type', 'application/grpc'],
      ['te', 'trailers'],
      ['x-twice', '1'],
      ['x-twice', '2, 3'],
      ['grpc-timeout', '100S'],
      ['cookie', 'a=1'],
      ['cookie', 'b=2'],
      ['__proto__', 'header'],
    ]);
    const { rawHeaders, rawTrailers } = await end;
    expect(pairs(rawHeaders)).toEqual([
      [':status', '200'],
      ['content-type', 'application/grpc'],
      ['set-cookie', 'c'],
      ['set-cookie', 'd'],
      ['date', 'some day'],
    ]);
    expect(pairs(rawTrailers)).toEqual([
      ['x-twice', '5'],
      ['x-twice', '6'],
      ['grpc-status', '0'],
    ]);
  });
});

function pairs(raw: readonly string[]): string[][] {
  return Array.from({ length: raw.length / 2 }, (_, index) => raw.slice(2 * index, 2 * index + 2));
}
