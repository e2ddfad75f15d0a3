import { describe, expect, test } from 'vitest';
import { parseCommandLine } from '../../../src/options.ts';

function parse(...flags: string[]) {
  const commandLine = parseCommandLine(['--nodeid=n', ...flags], '1');
  if (commandLine.kind === 'run') return commandLine.options;
  throw new Error(commandLine.kind === 'invalid' ? commandLine.errors.join('\n') : commandLine.kind);
}

test('by default nothing is served over HTTP, and the metrics would be complete', () => {
  expect(parse()).toMatchObject({ httpEndpoint: undefined, metricsPath: '/metrics', volumeMetrics: true });
  expect(parse('--http-endpoint=').httpEndpoint).toBeUndefined();
});

test.each([
  [':9808', { host: undefined, port: 9808 }],
  ['127.0.0.1:0', { host: '127.0.0.1', port: 0 }],
  ['localhost:65535', { host: 'localhost', port: 65535 }],
  ['[::1]:80', { host: '::1', port: 80 }],
])('the address can be %s', (text, address) => {
  expect(parse(`--http-endpoint=${text}`).httpEndpoint).toEqual(address);
});

test.each(['9808', 'localhost', ':', ':x', ':65536', '::1:80', 'http://:80', 'a b:80', ':80/metrics'])(
  'the address cannot be %s',
  (text) => {
    expect(() => parse(`--http-endpoint=${text}`)).toThrow(
      `--http-endpoint: ${JSON.stringify(text)} must have the form HOST:PORT or :PORT, such as :9808`,
    );
  },
);

describe('the path of the metrics', () => {
  test.each(['/metrics', '/', '/a/b_c-d.e~f'])('can be %s', (path) => {
    expect(parse(`--metrics-path=${path}`).metricsPath).toBe(path);
  });

  test.each(['', 'metrics', '/a b', '/metrics?x=1', '/m#x', '/%41', '/é'])('cannot be %j', (path) => {
    expect(() => parse(`--metrics-path=${path}`)).toThrow(
      `--metrics-path: ${JSON.stringify(path)} must be a path such as /metrics`,
    );
  });

  test.each(['/healthz', '/readyz'])('cannot be %s, which is a health check', (path) => {
    expect(() => parse(`--metrics-path=${path}`)).toThrow(
      `--metrics-path: "${path}" is the path of a health check; choose another path`,
    );
  });
});

test('the metrics of volumes can be switched off', () => {
  expect(parse('--volume-metrics=false').volumeMetrics).toBe(false);
});
