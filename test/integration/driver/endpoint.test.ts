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

/** Expects a driver to exit with one sentence, beside its log, that contains this text. */
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
    'on %s, and reports the actual port',
    async (endpoint) => {
      const { flags } = place();
      const driver = await start([...flags, `--endpoint=${endpoint}`]);
      expect(driver.endpoint).toMatch(/^tcp:\/\/[a-z0-9.]+:[1-9]\d*$/);
      expect(await nodeIdAt(driver.endpoint)).toBe('node-1');
    },
  );
});

describe('the socket', () => {
  test("can be used only by the driver's own user", async () => {
    const { socket } = await startedNode();
    expect(statSync(socket).mode & 0o777).toBe(0o700);
  });

  test.runIf(isHostRoot)(
    'has the requested mode and group, and a member of the group can connect',
    async () => {
      const node = await startedNode({ flags: ['--socket-mode=0660', '--socket-group=1000'] });
      expect(statSync(node.socket)).toMatchObject({ gid: 1000, uid: 0 });
      expect(statSync(node.socket).mode & 0o777).toBe(0o660);
      expect(asUser('test -w "$1"', node.socket).status).toBe(0);
    },
  );

  test.runIf(isHostRoot)('accepts a group by name', async () => {
    const [, gid] = /^daemon:[^:]*:(\d+):/m.exec(readFileSync('/etc/group', 'utf8')) ?? [];
    const node = await startedNode({ flags: ['--socket-group=daemon'] });
    expect(statSync(node.socket).gid).toBe(Number(gid));
  });

  test('with an unknown group stops the start with one sentence', async () => {
    const { flags, socket } = place();
    await expectRefused(
      [...flags, `--endpoint=${socket}`, '--socket-group=nobodys-group'],
      1,
      'nobodys-group',
    );
  });

  test('is replaced if a killed driver has left it', async () => {
    const node = await startedNode({ ownProcess: true });
    await node.stop('SIGKILL');
    expect(existsSync(node.socket)).toBe(true);
    await node.start();
    expect(await nodeIdAt(`unix://${node.socket}`)).toBe('node-1');
  });

  test('is refused with its name if another process listens on it, and that process keeps serving', async () => {
    const { flags } = place();
    const node = await startedNode();
    await expectRefused([...flags, `--endpoint=${node.socket}`], 1, node.socket);
    expect(await nodeIdAt(`unix://${node.socket}`)).toBe('node-1');
  });

  test('is removed when the driver has stopped', async () => {
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
    const node = await startedNode({ ownProcess: true });
    await node.stop('SIGKILL');
    symlinkSync(node.socket, socket);
    await expectRefused([...flags, `--endpoint=${socket}`], 1, socket);
    expect(lstatSync(socket).isSymbolicLink()).toBe(true);
    expect(existsSync(node.socket)).toBe(true);
  });

  test('is refused after the pool is released: the next driver can open it at once', async () => {
    const { flags, socket } = place();
    writeFileSync(socket, '');
    await expectRefused([...flags, `--endpoint=${socket}`], 1, socket);
    await start([...flags, `--endpoint=${socket}2`, '--lock-timeout=0s']);
  });
});

describe('an invalid endpoint', () => {
  test('in a missing directory stops the start with one sentence', async () => {
    const { flags, socket } = place();
    await expectRefused([...flags, `--endpoint=${dirname(socket)}/absent/s`], 1, 'absent/s');
  });

  test('on a port in use stops the start with one sentence', async () => {
    const first = await start([...place().flags, '--endpoint=tcp://127.0.0.1:0']);
    await expectRefused([...place().flags, `--endpoint=${first.endpoint}`], 1, first.endpoint);
  });

  test('longer than 107 bytes is a command line error', async () => {
    const { flags, socket } = place();
    const path = socket.padEnd(108, 's');
    await expectRefused([...flags, `--endpoint=${path}`], 2, '107');
    expect(existsSync(path.slice(0, 107))).toBe(false);
  });

  test.each(['http://localhost:80', 'tcp://localhost', 'unix://', '', 'unix-abstract:x'])(
    '%j is a command line error',
    async (endpoint) => {
      await expectRefused([...place().flags, `--endpoint=${endpoint}`], 2, '--endpoint');
    },
  );
});
