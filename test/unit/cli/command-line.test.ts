import { expect, test } from 'vitest';
import { parseCommand } from '../../../src/cli/command-line.ts';

test('a command has the paths of the driver by default', () => {
  expect(parseCommand(['status'])).toEqual({
    kind: 'command',
    command: {
      name: 'status',
      output: 'text',
      socket: '/run/csi-hostpath.sock',
      stateDir: '/csi-data-dir',
      values: { output: 'text', socket: '/run/csi-hostpath.sock', statedir: '/csi-data-dir' },
      arguments: [],
    },
  });
});

test('flags follow the command', () => {
  const words = ['watch', '-o', 'json', '--socket=/s', '--statedir', '/d', '--interval=5'];
  expect(parseCommand(words)).toMatchObject({
    command: { name: 'watch', output: 'json', socket: '/s', stateDir: '/d', values: { interval: '5' } },
  });
});

test('arguments and flags may be mixed', () => {
  expect(parseCommand(['send', '--since=s', 'v'])).toMatchObject({
    command: { name: 'send', arguments: ['v'], values: { since: 's' } },
  });
});

test.each(['status', 'check', 'watch', 'export', 'send', 'receive'])('help of %s names its flags', (name) => {
  const request = parseCommand([name, '--help']);
  expect(request).toMatchObject({ kind: 'help', text: expect.stringContaining('--socket PATH') });
});

test.each([
  [['stauts'], 'there is no command "stauts"; did you mean status?'],
  [['status', '--sockt=/s'], "status: Unknown option '--sockt'; did you mean socket?"],
  [['status', '--interval=5'], "status: Unknown option '--interval'"],
  [['status', 'everything'], "status: Unexpected argument 'everything'"],
  [['status', '-o', 'xml'], '--output: "xml" must be one of text, json, yaml'],
  [['status', '--socket=s'], '--socket: "s" must be an absolute path'],
  [['send'], 'send: ID is required'],
  [['send', 'a', 'b'], 'send: unexpected argument "b"'],
  [['receive', 'a'], "receive: Unexpected argument 'a'"],
  [['send', 'a', '--from=x'], '--from: "x" must be a number of bytes'],
  [['receive', '--as=tape'], '--as: "tape" must be one of volume, snapshot'],
  [['watch', '--interval=0'], '--interval: "0" must be a number of seconds from 1 to 3600'],
  [['watch', '--interval=often'], '--interval: "often" must be a number of seconds from 1 to 3600'],
])('%j is refused with a sentence', (words, error) => {
  expect(parseCommand(words)).toEqual({ kind: 'invalid', error: expect.stringContaining(error) });
});
