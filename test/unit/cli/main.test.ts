import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { expect, onTestFinished, test } from 'vitest';
import { type CliRequest, parseCommand } from '../../../src/cli/command-line.ts';
import { runCommand } from '../../../src/cli/main.ts';
import { type HttpReply, startHttpServer } from '../../../src/observability/http/http-server.ts';
import { temporaryDirectory } from '../temporary-directory.ts';
import { exampleReport } from './example-report.ts';

/** Where a driver answers with this, as its socket. */
async function driverAnswering(reply: () => HttpReply): Promise<string> {
  const path = join(temporaryDirectory(), 's');
  const server = await startHttpServer({
    address: { path },
    routes: new Map([['/status', reply]]),
    onError: () => {},
  });
  onTestFinished(() => server.close());
  return path;
}

const healthy = () => ({ status: 200, body: JSON.stringify(exampleReport) });

/** Runs a command, and stops it when it has written `writeCount` times. */
async function run(request: CliRequest, { isTerminal = false, writeCount = 1 } = {}) {
  const stopped = new AbortController();
  const written: string[] = [];
  const errors: string[] = [];
  const code = await runCommand(request, {
    write: async (text) => {
      written.push(text);
      if (written.length === writeCount) stopped.abort();
    },
    writeError: async (text) => void errors.push(text),
    writeBytes: async () => {},
    input: Readable.from([]),
    isTerminal,
    stopped: stopped.signal,
  });
  return { code, written, errors };
}

test('a status is written once', async () => {
  const socket = await driverAnswering(healthy);
  const { code, written } = await run(parseCommand(['status', `--socket=${socket}`]));
  expect([code, written]).toEqual([0, [expect.stringContaining('shop/data')]]);
});

test('a watch is written again and again, over itself on a terminal, until it is stopped', async () => {
  const socket = await driverAnswering(healthy);
  const request = parseCommand(['watch', `--socket=${socket}`, '--interval=1']);
  const { code, written } = await run(request, { isTerminal: true, writeCount: 2 });
  expect(code).toBe(0);
  expect(written).toHaveLength(2);
  for (const text of written) expect(text.startsWith('\x1b[H\x1b[2J')).toBe(true);
});

test('a watch goes on while no driver answers', async () => {
  let count = 0;
  const socket = await driverAnswering(() => (count++ === 0 ? { status: 500, body: 'broken\n' } : healthy()));
  const { written } = await run(parseCommand(['watch', `--socket=${socket}`, '--interval=1']), {
    writeCount: 2,
  });
  expect(written).toEqual([
    `cannot read the status from ${socket}: the driver answers 500: broken\n`,
    expect.stringContaining('shop/data'),
  ]);
});

test('an answer that is not a status is an error', async () => {
  const socket = await driverAnswering(() => ({ status: 200, body: 'hello' }));
  const { code, written, errors } = await run(parseCommand(['status', `--socket=${socket}`]));
  expect([code, written]).toEqual([3, []]);
  expect(errors).toEqual([expect.stringContaining(`cannot read the status from ${socket}: `)]);
});

test('wrong flags and requests for help end at once', async () => {
  expect(await run(parseCommand(['status', '--nonsense']))).toMatchObject({
    code: 2,
    written: [],
    errors: [expect.stringMatching(/Unknown option '--nonsense'.*\nRun with --help for the flags.\n/)],
  });
  expect(await run(parseCommand(['check', '-h']))).toMatchObject({
    code: 0,
    written: [expect.stringMatching(/^Usage: csi-hostpath check \[flags\]\n/)],
  });
});

test('a reader that goes away in the middle of a long status ends the command, without an error', async () => {
  const volumes = Array.from({ length: 20_000 }, (_, index) => ({
    ...exampleReport.volumes[0],
    id: `v${index}`,
  }));
  const long = { status: 200, body: JSON.stringify({ ...exampleReport, volumes }) };
  const socket = await driverAnswering(() => long);
  const program = ['--import', 'tsx', 'src/main.ts', 'status', '-o', 'json', `--socket=${socket}`];
  const child = spawn(process.execPath, program, { stdio: ['ignore', 'pipe', 'pipe'] });
  let errors = '';
  child.stderr.on('data', (bytes: Buffer) => (errors += bytes));
  // The pipe is full long before the end.
  await once(child.stdout, 'readable');
  const [chunk] = [child.stdout.read(1000) as Buffer];
  expect(chunk.toString()).toMatch(/^{\n {2}"formatVersion": 1,/);
  child.stdout.destroy();
  const [code] = await once(child, 'close');
  expect([code, errors]).toEqual([0, '']);
});
