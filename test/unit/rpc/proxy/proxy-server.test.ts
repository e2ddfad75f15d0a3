import { existsSync, statSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { type ServerUnaryCall, type sendUnaryData, status } from '@grpc/grpc-js';
import { describe, expect, onTestFinished, test } from 'vitest';
import { startProxyServer } from '../../../../src/rpc/proxy/proxy-server.ts';
import { type Endpoint, formatEndpoint } from '../../../../src/rpc/server/endpoint.ts';
import { eventually } from '../../../support/eventually.ts';
import { deferred } from '../../model/fakes/gate.ts';
import { EchoClient, serveEcho } from './echo-service.ts';
import { newSocket, startProxy } from './proxied.ts';
import { connectRaw, openRaw } from './raw-http2.ts';

const hour = 3_600_000;
const word = Buffer.from('word');
const anyPort: Endpoint = { kind: 'tcp', host: '127.0.0.1', port: 0 };

const echo = {
  Unary: (call: ServerUnaryCall<Buffer, Buffer>, answer: sendUnaryData<Buffer>) => answer(null, call.request),
};

describe('a proxy listens', () => {
  test('on a socket, with the requested mode', async () => {
    const { endpoint } = await startProxy();
    expect(endpoint.kind === 'unix' && statSync(endpoint.path).mode & 0o777).toBe(0o600);
  });

  test('on a port, and reports the actual one if any was requested; the upstream can be a port too', async () => {
    const target = await startProxy(newSocket(), anyPort);
    await serveEcho(target.target, echo);
    const proxy = await startProxy(target.endpoint, anyPort);
    expect(proxy.endpoint).not.toHaveProperty('port', 0);
    const client = new EchoClient(proxy.endpoint);
    expect(await client.exchange('Unary', [word])).toMatchObject({ replies: [word] });
  });

  test('on no endpoint in use by another server, which it names', async () => {
    const socket = await startProxy();
    await expect(startProxy(newSocket(), socket.endpoint)).rejects.toThrow('another process listens on');
    const port = await startProxy(newSocket(), anyPort);
    await expect(startProxy(newSocket(), port.endpoint)).rejects.toThrow(
      `cannot listen on ${formatEndpoint(port.endpoint)}`,
    );
  });

  test('on no path with a file, which stays', async () => {
    const endpoint = newSocket();
    const path = endpoint.kind === 'unix' ? endpoint.path : '';
    writeFileSync(path, 'precious');
    await expect(startProxy(newSocket(), endpoint)).rejects.toThrow('is not a socket');
    expect(existsSync(path)).toBe(true);
  });

  test('no longer on a socket that cannot be given to its group', async () => {
    const endpoint = newSocket();
    const parts = { endpoint, target: newSocket(), onFinished: () => {} };
    const noGroup = -7;
    await expect(
      startProxyServer({ ...parts, socketAccess: { mode: 0o600, groupId: noGroup } }),
    ).rejects.toThrow();
    await startProxy(newSocket(), endpoint);
  });

  test('and survives a caller that does not speak HTTP/2', async () => {
    const proxy = await startProxy();
    await serveEcho(proxy.target, echo);
    const stranger = connect(formatEndpoint(proxy.endpoint).replace('unix://', ''));
    onTestFinished(() => void stranger.destroy());
    stranger.on('error', () => {});
    stranger.write('GET / HTTP/1.1\r\n\r\n');
    await new Promise((resolve) => stranger.resume().on('close', resolve));
    const client = new EchoClient(proxy.endpoint);
    expect(await client.exchange('Unary', [word])).toMatchObject({ replies: [word] });
  });
});

/** A proxy with a call that has reached the server, and its reply. */
async function callUnderWay() {
  const proxy = await startProxy();
  const [began, gate] = [deferred(), deferred()];
  await serveEcho(proxy.target, {
    async Unary(call, answer) {
      began.resolve();
      await gate.promise;
      answer(null, call.request);
    },
  });
  const client = new EchoClient(proxy.endpoint);
  const exchange = client.exchange('Unary', [word]);
  await began.promise;
  return { proxy, client, exchange, answer: gate.resolve };
}

describe('a proxy that is drained', () => {
  test('ends at once without running calls, even with connected callers, and its socket is removed', async () => {
    const proxy = await startProxy();
    await serveEcho(proxy.target, echo);
    await new EchoClient(proxy.endpoint).exchange('Unary', [word]);
    connectRaw(proxy.endpoint);
    expect(await proxy.drain(hour)).toBe(true);
    expect(proxy.endpoint.kind === 'unix' && existsSync(proxy.endpoint.path)).toBe(false);
  });

  test('lets a running call end, and accepts no more', async () => {
    const { proxy, client, exchange, answer } = await callUnderWay();
    const drained = proxy.drain(hour);
    const { status: refused } = await client.exchange('Unary', [word]);
    expect(refused.code).toBe(status.UNAVAILABLE);
    answer();
    expect(await exchange).toMatchObject({ replies: [word], status: { code: status.OK } });
    expect(await drained).toBe(true);
  });

  test('does not wait longer than its limit, and reports to the caller why its call is aborted', async () => {
    const { proxy, exchange } = await callUnderWay();
    expect(await proxy.drain(0)).toBe(false);
    const reason = 'the proxy is stopping';
    expect(await exchange).toMatchObject({ status: { code: status.UNAVAILABLE, details: reason } });
    expect(proxy.finished).toMatchObject([{ code: status.UNAVAILABLE, reason }]);
  });

  test('does not wait for a caller that does not read its reply', async () => {
    const proxy = await startProxy();
    const began = deferred();
    await serveEcho(proxy.target, {
      Repeat(call) {
        call.write(Buffer.alloc(8 * 1024 ** 2));
        began.resolve();
      },
    });
    const call = openRaw(connectRaw(proxy.endpoint), { ':path': '/proxy.test.Echo/Repeat' });
    call.end(Buffer.alloc(5));
    await began.promise;
    expect(await proxy.drain(0)).toBe(false);
    await eventually(() => expect(call.closed).toBe(true));
  });
});
