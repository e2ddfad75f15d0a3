import { once } from 'node:events';
import { connect } from 'node:net';
import { describe, expect, onTestFinished, test } from 'vitest';
import {
  type HttpReply,
  type HttpServerParts,
  startHttpServer,
} from '../../../../src/observability/http/http-server.ts';

async function serve(routes: Record<string, () => HttpReply> = {}) {
  const errors: unknown[] = [];
  const parts: HttpServerParts = {
    address: { host: '127.0.0.1', port: 0 },
    routes: new Map(Object.entries(routes)),
    onError: (error) => errors.push(error),
  };
  const server = await startHttpServer(parts);
  onTestFinished(() => server.close());
  const get = (path: string, init: RequestInit = {}) => fetch(`${server.url}${path}`, init);
  return { server, errors, get };
}

const ok = { '/a': () => ({ status: 200, body: 'yes\n' }) };

test('a path is answered with its text, also with a query', async () => {
  const { get } = await serve(ok);
  for (const path of ['/a', '/a?b=c', '/x/../a']) {
    const response = await get(path);
    expect([response.status, await response.text()]).toEqual([200, 'yes\n']);
    expect(response.headers.get('content-type')).toBe('text/plain; charset=utf-8');
    expect(response.headers.get('cache-control')).toBe('no-store');
  }
});

test('HEAD has the headers and no text', async () => {
  const { get } = await serve(ok);
  const response = await get('/a', { method: 'HEAD' });
  expect([response.status, response.headers.get('content-length')]).toEqual([200, '4']);
  expect(await response.text()).toBe('');
});

test.each(['/', '/b', '/a/', '/A', '//a', '/%61'])('the path %s is not found', async (path) => {
  const { get } = await serve(ok);
  const response = await get(path);
  expect([response.status, await response.text()]).toEqual([404, 'not found; available: /a\n']);
});

test.each(['POST', 'PUT', 'DELETE', 'OPTIONS'])('the method %s is refused', async (method) => {
  const { get } = await serve(ok);
  const response = await get('/a', { method });
  expect([response.status, response.headers.get('allow')]).toEqual([405, 'GET, HEAD']);
  expect(await response.text()).toBe('only GET and HEAD are allowed\n');
});

test('a route that fails is an internal error without details, and the next request is served', async () => {
  const failure = new Error('secret');
  let isBroken = true;
  const { get, errors } = await serve({
    '/a': () => {
      if (isBroken) throw failure;
      return { status: 200, body: '' };
    },
  });
  const response = await get('/a');
  expect([response.status, await response.text()]).toEqual([500, "internal error; see the driver's log\n"]);
  expect(errors).toEqual([failure]);
  isBroken = false;
  expect((await get('/a')).status).toBe(200);
});

/** The first line of the answer to a raw request. */
async function raw(url: string, request: string): Promise<string> {
  const socket = connect(Number(new URL(url).port), '127.0.0.1');
  let text = '';
  socket.setEncoding('utf8').on('data', (chunk: string) => (text += chunk));
  socket.write(request);
  await once(socket, 'close');
  return text.split('\r\n')[0] ?? '';
}

describe('a client that does not speak HTTP properly', () => {
  const host = 'Host: x\r\nConnection: close\r\n\r\n';

  test.each([
    ['no HTTP', 'hello\r\n\r\n', 'HTTP/1.1 400 Bad Request'],
    ['a malformed target', `GET http://[ HTTP/1.1\r\n${host}`, 'HTTP/1.1 404 Not Found'],
    [
      'headers that are too long',
      `GET /a HTTP/1.1\r\nX: ${'x'.repeat(9000)}\r\n${host}`,
      'HTTP/1.1 431 Request Header Fields Too Large',
    ],
    ['CONNECT', `CONNECT a:1 HTTP/1.1\r\n${host}`, ''],
    ['an upgrade', `GET /a HTTP/1.1\r\nUpgrade: h2c\r\n${host}`, 'HTTP/1.1 200 OK'],
  ])('is answered or cut off: %s', async (_, request, answer) => {
    const { server } = await serve(ok);
    expect(await raw(server.url, request)).toBe(answer);
  });
});

test('closing ends open connections and frees the port', async () => {
  const { server } = await serve(ok);
  const port = Number(new URL(server.url).port);
  const idle = connect(port, '127.0.0.1');
  await once(idle, 'connect');
  const ended = once(idle, 'close');
  await server.close();
  await ended;
  const again = await startHttpServer({
    address: { host: '127.0.0.1', port },
    routes: new Map(),
    onError: () => {},
  });
  await again.close();
});

test('an address that is in use is an error', async () => {
  const { server } = await serve();
  const port = Number(new URL(server.url).port);
  const second = startHttpServer({
    address: { host: '127.0.0.1', port },
    routes: new Map(),
    onError: () => {},
  });
  await expect(second).rejects.toMatchObject({ code: 'EADDRINUSE' });
});

test('without a host it listens on all addresses', async () => {
  const server = await startHttpServer({
    address: { host: undefined, port: 0 },
    routes: new Map(),
    onError: () => {},
  });
  onTestFinished(() => server.close());
  expect(server.url).toMatch(/^http:\/\/(?:\[::\]|0\.0\.0\.0):\d+$/);
  expect((await fetch(`http://127.0.0.1:${new URL(server.url).port}/`)).status).toBe(404);
});
