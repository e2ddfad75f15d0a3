import {
  existsSync,
  lstatSync,
  mkdirSync,
  readFileSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { describe, expect, onTestFinished, test } from 'vitest';
import { asUser } from '../../support/as-user.ts';
import { CsiClient } from '../../support/csi-client.ts';
import { runDriver, startDriverProcess } from '../../support/driver-process.ts';
import { isHostRoot } from '../../support/host-root.ts';
import { scratchDirectory } from '../../support/scratch.ts';
import { startedNode } from '../../support/test-node.ts';

/** The flags of a driver with a pool of its own, and a path for its socket. */
function place() {
  const directory = scratchDirectory();
  return {
    flags: [`--statedir=${join(directory, 'pool')}`, '--nodeid=node-1'],
    socket: join(directory, 's'),
  };
}

async function start(flags: string[]) {
  const driver = await startDriverProcess(flags);
  onTestFinished(async () => {
    driver.kill('SIGKILL');
    await driver.exit;
  });
  return driver;
}

async function nodeIdAt(endpoint: string): Promise<string | undefined> {
  const client = new CsiClient(endpoint);
  try {
    return (await client.node.NodeGetInfo({})).node_id;
  } finally {
    client.close();
  }
}

/** Expects that a driver ends with one sentence, beside its log, that has this text in it. */
async function expectRefused(flags: string[], code: number, text: string): Promise<void> {
  const run = await runDriver(flags);
  expect(run).toMatchObject({ code, stdout: '' });
  const sentences = run.stderr
    .trimEnd()
    .split('\n')
    .filter((line) => !line.startsWith('{'));
  expect(sentences).toEqual([
    expect.stringContaining(text),
    ...(code === 2 ? [expect.stringContaining('--help')] : []),
  ]);
}

describe('the driver listens', () => {
  test.each([
    ['unix://PATH', (path: string) => `unix://${path}`],
    ['unix:PATH', (path: string) => `unix:${path}`],
    ['a plain path', (path: string) => path],
    ['a path from its working directory', (path: string) => relative(process.cwd(), path)],
    [
      'unix: and a path from its working directory',
      (path: string) => `unix:${relative(process.cwd(), path)}`,
    ],
  ])('on %s', async (_, endpointOf) => {
    const { flags, socket } = place();
    await start([...flags, `--endpoint=${endpointOf(socket)}`]);
    expect(await nodeIdAt(`unix://${socket}`)).toBe('node-1');
  });

  test('on a path of 107 bytes, the longest there is', async () => {
    const { flags, socket } = place();
    const path = socket.padEnd(107, 's');
    await start([...flags, `--endpoint=${path}`]);
    expect(await nodeIdAt(`unix://${path}`)).toBe('node-1');
  });

  test.each(['tcp://127.0.0.1:0', 'tcp://localhost:0'])(
    'on %s, and tells the port it has',
    async (endpoint) => {
      const { flags } = place();
      const driver = await start([...flags, `--endpoint=${endpoint}`]);
      expect(driver.endpoint).toMatch(/^tcp:\/\/[a-z0-9.]+:[1-9]\d*$/);
      expect(await nodeIdAt(driver.endpoint)).toBe('node-1');
    },
  );
});

describe('the socket', () => {
  test('is the driver’s own user’s alone', async () => {
    const { socket } = await startedNode();
    expect(statSync(socket).mode & 0o777).toBe(0o700);
  });

  test.runIf(isHostRoot)(
    'has the mode and group asked for, and a member of the group may connect',
    async () => {
      const node = await startedNode({ flags: ['--socket-mode=0660', '--socket-group=1000'] });
      expect(statSync(node.socket)).toMatchObject({ gid: 1000, uid: 0 });
      expect(statSync(node.socket).mode & 0o777).toBe(0o660);
      expect(asUser('test -w "$1"', node.socket).status).toBe(0);
    },
  );

  test.runIf(isHostRoot)('has a group given by name', async () => {
    const [, gid] = /^daemon:[^:]*:(\d+):/m.exec(readFileSync('/etc/group', 'utf8')) ?? [];
    const node = await startedNode({ flags: ['--socket-group=daemon'] });
    expect(statSync(node.socket).gid).toBe(Number(gid));
  });

  test('of a group there is not stops the start with a sentence', async () => {
    const { flags, socket } = place();
    await expectRefused(
      [...flags, `--endpoint=${socket}`, '--socket-group=nobodys-group'],
      1,
      'nobodys-group',
    );
  });

  test('that a killed driver has left is replaced', async () => {
    const node = await startedNode();
    await node.stop('SIGKILL');
    expect(existsSync(node.socket)).toBe(true);
    await node.start();
    expect(await nodeIdAt(`unix://${node.socket}`)).toBe('node-1');
  });

  test('that another process listens on is refused, naming it, and that process serves on', async () => {
    const { flags } = place();
    const node = await startedNode();
    await expectRefused([...flags, `--endpoint=${node.socket}`], 1, node.socket);
    expect(await nodeIdAt(`unix://${node.socket}`)).toBe('node-1');
  });

  test('is gone when the driver has stopped', async () => {
    const node = await startedNode();
    await node.stop();
    expect(existsSync(node.socket)).toBe(false);
  });
});

describe('a path that is taken', () => {
  test('by a file is refused, and the file stays', async () => {
    const { flags, socket } = place();
    writeFileSync(socket, 'precious');
    await expectRefused([...flags, `--endpoint=${socket}`], 1, socket);
    expect(readFileSync(socket, 'utf8')).toBe('precious');
  });

  test('by a directory is refused', async () => {
    const { flags, socket } = place();
    mkdirSync(socket);
    await expectRefused([...flags, `--endpoint=${socket}`], 1, socket);
  });

  test('by a symbolic link to the socket of a dead driver is refused, and the link stays', async () => {
    const { flags, socket } = place();
    const node = await startedNode();
    await node.stop('SIGKILL');
    symlinkSync(node.socket, socket);
    await expectRefused([...flags, `--endpoint=${socket}`], 1, socket);
    expect(lstatSync(socket).isSymbolicLink()).toBe(true);
    expect(existsSync(node.socket)).toBe(true);
  });

  test('is refused before the pool is given to nobody: the next driver has it at once', async () => {
    const { flags, socket } = place();
    writeFileSync(socket, '');
    await expectRefused([...flags, `--endpoint=${socket}`], 1, socket);
    await start([...flags, `--endpoint=${socket}2`, '--lock-timeout=0s']);
  });
});

describe('an endpoint that cannot be', () => {
  test('in a directory that does not exist stops the start with a sentence', async () => {
    const { flags, socket } = place();
    await expectRefused([...flags, `--endpoint=${dirname(socket)}/absent/s`], 1, 'absent/s');
  });

  test('on a port that is taken stops the start with a sentence', async () => {
    const first = await start([...place().flags, '--endpoint=tcp://127.0.0.1:0']);
    await expectRefused([...place().flags, `--endpoint=${first.endpoint}`], 1, first.endpoint);
  });

  test('longer than 107 bytes is a mistake of the command line', async () => {
    const { flags, socket } = place();
    const path = socket.padEnd(108, 's');
    await expectRefused([...flags, `--endpoint=${path}`], 2, '107');
    expect(existsSync(path.slice(0, 107))).toBe(false);
  });

  test.each(['http://localhost:80', 'tcp://localhost', 'unix://', '', 'unix-abstract:x'])(
    '%j is a mistake of the command line',
    async (endpoint) => {
      await expectRefused([...place().flags, `--endpoint=${endpoint}`], 2, '--endpoint');
    },
  );
});
