import { constants, type ServerHttp2Stream } from 'node:http2';
import { connect, createServer } from 'node:net';
import { type Server, type ServerDuplexStream, status } from '@grpc/grpc-js';
import { afterEach, describe, expect, onTestFinished, test, vi } from 'vitest';
import { Upstream } from '../../../../src/rpc/proxy/upstream.ts';
import { formatEndpoint } from '../../../../src/rpc/server/endpoint.ts';
import { eventually } from '../../../support/eventually.ts';
import { deferred } from '../../model/fakes/gate.ts';
import { EchoClient, type EchoHandlers, exchangeOf, serveEcho } from './echo-service.ts';
import { newSocket, startProxy } from './proxied.ts';
import { connectRaw, endOf, openRaw, serveRaw } from './raw-http2.ts';

const word = Buffer.from('word');
const echo: EchoHandlers = { Unary: (call, answer) => answer(null, call.request) };

afterEach(() => {
  vi.useRealTimers();
});

/** A server that has received a call and has not ended it. */
async function callUnderWay() {
  const target = newSocket();
  const began = deferred<ServerDuplexStream<Buffer, Buffer>>();
  const server = await serveEcho(target, {
    Chat(call) {
      call.on('error', () => {});
      began.resolve(call);
    },
  });
  const proxy = await startProxy(target);
  const client = new EchoClient(proxy.endpoint);
  const call = client.open('Chat');
  const exchange = exchangeOf(call);
  call.write(word);
  return { target, server, proxy, client, call, exchange, atServer: await began.promise };
}

/** Ends a server without calls, and its connections. */
function shutDown(server: Server): Promise<void> {
  return new Promise((resolve) => server.tryShutdown(() => resolve()));
}

describe('while the server is not running', () => {
  test('a call fails with UNAVAILABLE, naming the endpoint, and succeeds once the server is running', async () => {
    const proxy = await startProxy();
    const client = new EchoClient(proxy.endpoint);
    const name = formatEndpoint(proxy.target);
    const { status: refused } = await client.exchange('Unary', [word]);
    expect(refused).toMatchObject({
      code: status.UNAVAILABLE,
      details: expect.stringMatching(`^cannot reach ${name}: .*ENOENT`),
    });
    expect(proxy.finished).toMatchObject([{ code: status.UNAVAILABLE, reason: refused.details }]);
    await serveEcho(proxy.target, echo);
    expect(await client.exchange('Unary', [word])).toMatchObject({ replies: [word] });
  });

  test('a call with a large request fails as well, although the request was not read', async () => {
    const proxy = await startProxy();
    const stream = openRaw(connectRaw(proxy.endpoint));
    const end = endOf(stream);
    stream.end(Buffer.alloc(8 * 1024 ** 2));
    expect(await end).toMatchObject({
      headers: { ':status': 200, 'content-type': 'application/grpc', 'grpc-status': '14' },
      resetCode: constants.NGHTTP2_NO_ERROR,
    });
  });

  test('a port without a listener is reported too', async () => {
    const listener = createServer();
    await new Promise<void>((resolve) => listener.listen(0, '127.0.0.1', resolve));
    const address = listener.address();
    const port = typeof address === 'object' && address !== null ? address.port : 0;
    await new Promise((resolve) => listener.close(resolve));
    const proxy = await startProxy({ kind: 'tcp', host: '127.0.0.1', port });
    const { status: refused } = await new EchoClient(proxy.endpoint).exchange('Unary', [word]);
    expect(refused).toMatchObject({
      code: status.UNAVAILABLE,
      details: expect.stringContaining(`tcp://127.0.0.1:${port}: connect ECONNREFUSED`),
    });
  });

  test('an upstream that does not speak HTTP/2 is reported as a lost connection', async () => {
    const target = newSocket();
    const listener = createServer((socket) => socket.end('HTTP/1.1 400 Bad Request\r\n\r\n'));
    await new Promise<void>((resolve) => listener.listen(target, resolve));
    onTestFinished(() => void listener.close());
    const proxy = await startProxy(target);
    const { status: refused } = await new EchoClient(proxy.endpoint).exchange('Unary', [word]);
    expect(refused).toMatchObject({
      code: status.UNAVAILABLE,
      details: expect.stringContaining(formatEndpoint(target)),
    });
  });

  test('a connection attempt is given up after ten seconds', async () => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
    const neverThere = () => connect({ host: 'nowhere', port: 1, lookup: () => {} });
    const upstream = new Upstream(newSocket(), neverThere);
    const refused = expect(upstream.session()).rejects.toThrow(/^cannot reach .*: no connection after 10 s$/);
    vi.advanceTimersByTime(10_000);
    await refused;
  });

  test.each([true, false])(
    'a caller that disconnects before the connection is established has cancelled its call: %s',
    async (isThere) => {
      const proxy = await startProxy();
      const came = vi.fn();
      if (isThere) await serveRaw(proxy.target, came);
      const stream = openRaw(connectRaw(proxy.endpoint));
      stream.on('ready', () => stream.close(constants.NGHTTP2_CANCEL));
      await eventually(() =>
        expect(proxy.finished).toMatchObject([
          { code: status.CANCELLED, reason: expect.stringContaining('the caller') },
        ]),
      );
      expect(came).not.toHaveBeenCalled();
    },
  );
});

describe('a server that ends', () => {
  test('in the middle of a call makes it UNAVAILABLE', async () => {
    const { server, exchange, target, proxy } = await callUnderWay();
    server.forceShutdown();
    const reason = `the connection to ${formatEndpoint(target)} was lost`;
    expect(await exchange).toMatchObject({
      headers: undefined,
      status: { code: status.UNAVAILABLE, details: reason },
    });
    await eventually(() => expect(proxy.finished).toMatchObject([{ code: status.UNAVAILABLE, reason }]));
  });

  test('in the middle of its reply makes the call UNAVAILABLE, with the partial reply for the caller', async () => {
    const { server, call, exchange, atServer } = await callUnderWay();
    atServer.write(word);
    call.once('data', () => server.forceShutdown());
    expect(await exchange).toMatchObject({ replies: [word], status: { code: status.UNAVAILABLE } });
  });

  test('in the middle of a message makes the call UNAVAILABLE, without the message', async () => {
    const target = newSocket();
    const began = deferred<ServerHttp2Stream>();
    await serveRaw(target, began.resolve);
    const client = new EchoClient((await startProxy(target)).endpoint);
    const call = client.open('Chat');
    const exchange = exchangeOf(call);
    const atServer = await began.promise;
    atServer.respond({ ':status': 200, 'content-type': 'application/grpc' });
    // The header of a message of five bytes, and two of them.
    atServer.write(Buffer.from([0, 0, 0, 0, 5, 1, 2]));
    call.once('metadata', () => atServer.session?.destroy());
    expect(await exchange).toMatchObject({ replies: [], status: { code: status.UNAVAILABLE } });
  });

  test('and restarts is found by the next call of the same caller', async () => {
    const { server, client, exchange, target } = await callUnderWay();
    server.forceShutdown();
    await exchange;
    await serveEcho(target, echo);
    expect(await client.exchange('Unary', [word])).toMatchObject({ replies: [word] });
  });

  test('after its calls, as requested, answers them, and the next call goes to the next server', async () => {
    const proxy = await startProxy();
    const [began, gate] = [deferred(), deferred()];
    const old = await serveEcho(proxy.target, {
      async Unary(call, answer) {
        began.resolve();
        await gate.promise;
        answer(null, call.request);
      },
    });
    const client = new EchoClient(proxy.endpoint);
    const first = client.exchange('Unary', [word]);
    await began.promise;
    const down = shutDown(old);
    // The old server releases its socket as soon as it accepts no new calls.
    await serveEcho(proxy.target, echo);
    const next = Buffer.from('next');
    expect(await client.exchange('Unary', [next])).toMatchObject({ replies: [next] });
    gate.resolve();
    expect(await first).toMatchObject({ replies: [word], status: { code: status.OK } });
    await down;
  });

  test('while idle is found again by the next call', async () => {
    const proxy = await startProxy();
    const first = await serveEcho(proxy.target, echo);
    const client = new EchoClient(proxy.endpoint);
    await client.exchange('Unary', [word]);
    await shutDown(first);
    await serveEcho(proxy.target, echo);
    expect(await client.exchange('Unary', [word])).toMatchObject({ replies: [word] });
  });
});

test('calls of several callers share one connection to the server', async () => {
  const target = newSocket();
  const sessions = new Set<unknown>();
  await serveRaw(target, (stream) => {
    sessions.add(stream.session);
    stream.respond({ ':status': 200, 'grpc-status': '0' }, { endStream: true });
  });
  const proxy = await startProxy(target);
  const clients = [1, 2, 3].map(() => new EchoClient(proxy.endpoint));
  await Promise.all(clients.map((client) => client.exchange('Unary', [word])));
  expect(proxy.finished).toHaveLength(3);
  expect(sessions.size).toBe(1);
});
