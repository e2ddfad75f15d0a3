import { expect, test } from 'vitest';
import { formatEndpoint, parseEndpoint } from '../../../src/rpc/server/endpoint.ts';

const longest = `/${'s'.repeat(106)}`;

test.each([
  ['unix:///run/csi.sock', '/run/csi.sock'],
  ['unix:/run/csi.sock', '/run/csi.sock'],
  ['UNIX:///run/csi.sock', '/run/csi.sock'],
  ['/run/csi.sock', '/run/csi.sock'],
  ['/run/a:b', '/run/a:b'],
  ['unix://csi.sock', './csi.sock'],
  ['unix:csi.sock', './csi.sock'],
  ['csi.sock', './csi.sock'],
  ['unix:///run/a b%20', '/run/a b%20'],
  [`unix://${longest}`, longest],
])('%s is the socket %s', (text, path) => {
  expect(parseEndpoint(text)).toEqual({ kind: 'unix', path });
});

test.each([
  ['tcp://127.0.0.1:10000', '127.0.0.1', 10000],
  ['tcp://localhost:0', 'localhost', 0],
  ['TCP://host.example:65535', 'host.example', 65535],
  ['tcp://[::1]:80', '::1', 80],
  ['tcp://[fe80::1]:80', 'fe80::1', 80],
  ['tcp://:10000', '127.0.0.1', 10000],
])('%s is port %s %i', (text, host, port) => {
  expect(parseEndpoint(text)).toEqual({ kind: 'tcp', host, port });
});

test.each([
  ['', 'does not name a socket'],
  ['unix:', 'does not name a socket'],
  ['unix://', 'does not name a socket'],
  ['/', 'does not name a socket'],
  ['unix:///', 'does not name a socket'],
  ['/run/csi/', 'does not name a socket'],
  [`${longest}s`, '108 bytes'],
  [`/${'é'.repeat(54)}`, '109 bytes'],
  ['http://host:80', 'has the unsupported scheme http'],
  ['dns:host:80', 'has the unsupported scheme dns'],
  ['localhost:10000', 'has the unsupported scheme localhost'],
  ['tcp://host', 'must have the form'],
  ['tcp:host:80', 'must have the form'],
  ['tcp://host:', 'must have the form'],
  ['tcp://host:65536', 'must have the form'],
  ['tcp://host:123456', 'must have the form'],
  ['tcp://host:-1', 'must have the form'],
  ['tcp://host:http', 'must have the form'],
  ['tcp://host:80/path', 'must have the form'],
  ['tcp://::1:80', 'must have the form'],
  ['tcp://[host]:80', 'must have the form'],
  ['tcp://[]:80', 'must have the form'],
  ['tcp://[::1]', 'must have the form'],
])('%j is refused and quoted: %s', (text, why) => {
  expect(() => parseEndpoint(text)).toThrow(why);
  expect(() => parseEndpoint(text)).toThrow(JSON.stringify(text));
});

test.each(['unix:///run/csi.sock', 'tcp://127.0.0.1:10000', 'tcp://[::1]:80'])(
  '%s is shown as users write it',
  (text) => {
    expect(formatEndpoint(parseEndpoint(text))).toBe(text);
  },
);
