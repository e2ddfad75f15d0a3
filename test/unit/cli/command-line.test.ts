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
    },
  });
});

test('flags follow the command', () => {
  const words = ['watch', '-o', 'json', '--socket=/s', '--statedir', '/d', '--interval=5'];
  expect(parseCommand(words)).toMatchObject({
    command: { name: 'watch', output: 'json', socket: '/s', stateDir: '/d', values: { interval: '5' } },
  });
});

test.each(['status', 'check', 'watch', 'export', 'adopt', 'take-over', 'send', 'receive'])(
  'help of %s names its flags',
  (name) => {
    const request = parseCommand([name, '--help']);
    expect(request).toMatchObject({ kind: 'help', text: expect.stringContaining('--socket PATH') });
  },
);

test('a command has its arguments anywhere among its flags', () => {
  for (const words of [
    ['purge', 'v', '--yes', '--socket=/s'],
    ['purge', '--socket=/s', '--yes', 'v'],
  ]) {
    expect(parseCommand(words)).toMatchObject({
      command: { socket: '/s', values: { ID: 'v', yes: 'true' } },
    });
  }
  expect(parseCommand(['restore', 'v'])).toMatchObject({ command: { values: { ID: 'v', name: '' } } });
  expect(parseCommand(['purge', '-h'])).toMatchObject({
    text: expect.stringMatching(/^Usage: csi-hostpath purge ID \[flags\]\n[\s\S]*--yes +do it/),
  });
});

test('arguments and flags may be mixed', () => {
  expect(parseCommand(['send', '--since=s', 'v'])).toMatchObject({
    command: { name: 'send', values: { ID: 'v', since: 's' } },
  });
});

test.each([
  [['purge', '--yes'], 'purge: needs ID, and has ""'],
  [['restore', 'a', 'b'], 'restore: needs ID, and has "a b"'],
  [['purge', 'a', '--yes=no'], "purge: Option '--yes' does not take an argument"],
  [['restore', 'a', '--claim=data'], '--claim: "data" must be NAMESPACE/NAME'],
  [['stauts'], 'there is no command "stauts"; did you mean status?'],
  [['status', '--sockt=/s'], "status: Unknown option '--sockt'; did you mean socket?"],
  [['status', '--interval=5'], "status: Unknown option '--interval'"],
  [['status', 'everything'], "status: Unexpected argument 'everything'"],
  [['status', '-o', 'xml'], '--output: "xml" must be one of text, json, yaml'],
  [['status', '--socket=s'], '--socket: "s" must be an absolute path'],
  [['send'], 'send: needs ID, and has ""'],
  [['send', 'a', 'b'], 'send: needs ID, and has "a b"'],
  [['receive', 'a'], "receive: Unexpected argument 'a'"],
  [['send', 'a', '--from=x'], '--from: "x" must be a number of bytes'],
  [['receive', '--as=tape'], '--as: "tape" must be one of volume, snapshot'],
  [['watch', '--interval=0'], '--interval: "0" must be a number of seconds from 1 to 3600'],
  [['adopt'], 'adopt: needs PATH, and has ""'],
  [['adopt', '/a', '/b'], 'adopt: needs PATH, and has "/a /b"'],
  [['adopt', '/a', '--size=much'], '--size: "much" must be a size such as 10Gi or 500M'],
  [['adopt', '/a', '--size=0'], '--size: "0" must be more than 0'],
  [['adopt', '/a', '--claim=data'], '--claim: "data" must be NAMESPACE/NAME'],
  [['adopt', '/a', '--yes=please'], "adopt: Option '--yes' does not take an argument"],
  [['take-over', '/a'], '--from: "" must be one of local-path, openebs, rawfile, reference'],
  [['take-over', '/a', '--from=longhorn'], '--from: "longhorn" must be one of local-path'],
  [['watch', '--interval=often'], '--interval: "often" must be a number of seconds from 1 to 3600'],
])('%j is refused with a sentence', (words, error) => {
  expect(parseCommand(words)).toEqual({ kind: 'invalid', error: expect.stringContaining(error) });
});

test('a repair is a flag without a value, and a dry run belongs to one', () => {
  expect(parseCommand(['check', '--repair', '--dry-run'])).toMatchObject({
    command: { values: { repair: 'true', 'dry-run': 'true' } },
  });
  const { command } = parseCommand(['check']) as { command: { values: object } };
  expect(command.values).not.toHaveProperty('repair');
  expect(parseCommand(['check', '--dry-run'])).toEqual({
    kind: 'invalid',
    error: '--dry-run needs --repair',
  });
  expect(parseCommand(['check', '--repair=yes'])).toMatchObject({ kind: 'invalid' });
  expect(parseCommand(['check', '--help'])).toMatchObject({
    text: expect.stringMatching(/\n {2}--repair {17}repair what loses nothing/),
  });
});

test('a command has what follows it, and flags without a value are true if they are given', () => {
  expect(parseCommand(['adopt', '--yes', '/data'])).toMatchObject({
    command: { name: 'adopt', values: { PATH: '/data', yes: 'true', size: '' } },
  });
  const { values } = (parseCommand(['adopt', '/data']) as { command: { values: object } }).command;
  expect(values).not.toHaveProperty('yes');
});

test('help of a command shows what must follow it', () => {
  const { text } = parseCommand(['adopt', '--help']) as { text: string };
  expect(text).toMatch(/^Usage: csi-hostpath adopt PATH \[flags\]\n/);
  expect(text).toMatch(/^ {2}--yes {20}do it; without this flag nothing changes$/m);
});
