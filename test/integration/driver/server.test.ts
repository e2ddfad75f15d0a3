import { execFileSync, spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, readFileSync, readlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { credentials, status } from '@grpc/grpc-js';
import { describe, expect, onTestFinished, test } from 'vitest';
import { csiClients } from '../../../src/rpc/proto.ts';
import { runDriver, startDriverProcess } from '../../support/driver-process.ts';
import { eventually } from '../../support/eventually.ts';
import { gateAt } from '../../support/gate/gate.ts';
import { isHostRoot } from '../../support/host-root.ts';
import { listing } from '../../support/listing.ts';
import { outcomeOf } from '../../support/refusal.ts';
import { createRequest } from '../../support/requests.ts';
import { scratchDirectory } from '../../support/scratch.ts';
import { startedNode, testNode } from '../../support/test-node.ts';

/** A node whose creates wait at a step, where one is waiting. */
async function nodeWithCallInFlight(flags: string[] = []) {
  const node = testNode();
  const gate = await gateAt('create: content made', join(node.directory, 'gate'));
  const driver = await node.start({ ...gate.start, flags });
  const call = node.controller.CreateVolume(createRequest('in flight'));
  const outcome = outcomeOf(call);
  await gate.reached();
  return { node, gate, driver, call, outcome };
}

describe('a driver that is asked to stop', () => {
  test.each(['SIGTERM', 'SIGINT'] as const)('by %s ends at once when no call is running', async (signal) => {
    const node = await startedNode({ ownProcess: true });
    expect(await node.stop(signal)).toEqual({ code: 0, signal: null });
  });

  test.each(['SIGTERM', 'SIGINT'] as const)(
    'by %s answers the call in flight, takes no new one, and ends',
    async (signal) => {
      const { node, gate, driver, call, outcome } = await nodeWithCallInFlight();
      driver.kill(signal);
      await eventually(() => expect(existsSync(node.socket)).toBe(false));
      expect(await outcomeOf(node.controller.ListVolumes({}))).toMatchObject({ code: 'UNAVAILABLE' });
      gate.open();
      expect(await outcome).toBe('OK');
      expect(await driver.exit).toEqual({ code: 0, signal: null });
      await node.start();
      expect(await node.create('in flight')).toBe((await call).volume?.volume_id);
    },
  );

  test('waits for a call in flight no longer than --drain-timeout, and reports that', async () => {
    const { node, driver, outcome } = await nodeWithCallInFlight(['--drain-timeout=1ms']);
    driver.kill('SIGTERM');
    expect(await driver.exit).toEqual({ code: 0, signal: null });
    expect(await outcome).toMatchObject({ code: expect.stringMatching(/^(UNAVAILABLE|CANCELLED)$/) });
    expect(driver.log()).toContain('drain timed out');
    await node.start();
    expect((await node.controller.ListVolumes({})).entries).toEqual([]);
    expect(await node.create('in flight')).not.toBe('');
    await eventually(() => expect(readdirSync(join(node.pool, '.incoming'))).toEqual([]));
  });

  test('twice ends at once', async () => {
    const { node, driver } = await nodeWithCallInFlight();
    driver.kill('SIGTERM');
    await eventually(() => expect(existsSync(node.socket)).toBe(false));
    driver.kill('SIGTERM');
    expect(await driver.exit).toEqual({ code: null, signal: 'SIGTERM' });
  });

  test('finishes a call whose caller has disconnected, and a retry finds the result', async () => {
    const node = testNode();
    const gate = await gateAt('create: content made', join(node.directory, 'gate'));
    await node.start(gate.start);
    const client = new csiClients.Controller(`unix:${node.socket}`, credentials.createInsecure());
    onTestFinished(() => client.close());
    const code = new Promise((resolve) => {
      const call = client.CreateVolume(createRequest('impatient'), (error) => resolve(error?.code));
      void gate.reached().then(() => call.cancel());
    });
    expect(await code).toBe(status.CANCELLED);
    const retry = () => node.controller.CreateVolume(createRequest('impatient'));
    expect(await outcomeOf(retry())).toMatchObject({ code: 'ABORTED' });
    gate.open();
    await eventually(async () => expect(await outcomeOf(retry())).toBe('OK'));
    expect(readdirSync(join(node.pool, 'volumes'))).toEqual([(await retry()).volume?.volume_id]);
  });
});

describe('two drivers on one state directory', () => {
  test('the second is refused after --lock-timeout, and the first keeps serving', async () => {
    const node = await startedNode();
    const flags = [
      `--statedir=${node.pool}`,
      `--endpoint=${node.socket}2`,
      '--nodeid=node-1',
      '--lock-timeout=0s',
    ];
    const run = await runDriver(flags);
    expect(run).toMatchObject({
      code: 1,
      stderr: expect.stringContaining(join(node.pool, '.csi-hostpath', 'lock')),
    });
    expect(run.stderr.trimEnd().split('\n')).toHaveLength(1);
    expect(existsSync(`${node.socket}2`)).toBe(false);
    await node.create('serves on');
  });

  test.each(['SIGTERM', 'SIGKILL'] as const)(
    'the second takes over when the first ends by %s',
    async (signal) => {
      const node = await startedNode({ ownProcess: true });
      const volume_id = await node.create('stays');
      const lock = join(node.pool, '.csi-hostpath', 'lock');
      const flags = [
        `--statedir=${node.pool}`,
        `--endpoint=${node.socket}2`,
        '--nodeid=node-1',
        '--lock-timeout=10m',
      ];
      const starting = startDriverProcess(flags);
      await eventually(() => expect(processesWithOpen(lock)).toHaveLength(2));
      expect(existsSync(`${node.socket}2`)).toBe(false);
      await node.stop(signal);
      const second = await starting;
      onTestFinished(async () => {
        second.kill('SIGKILL');
        await second.exit;
      });
      expect(readdirSync(join(node.pool, 'volumes'))).toEqual([volume_id]);
      expect(existsSync(`${node.socket}2`)).toBe(true);
    },
  );
});

/** The processes that have a file open. */
function processesWithOpen(path: string): string[] {
  const hasOpen = (pid: string) => {
    try {
      return readdirSync(`/proc/${pid}/fd`).some((fd) => linkOf(`/proc/${pid}/fd/${fd}`) === path);
    } catch {
      // The process has ended.
      return false;
    }
  };
  return readdirSync('/proc').filter((name) => /^\d+$/.test(name) && hasOpen(name));
}

function linkOf(path: string): string | undefined {
  try {
    return readlinkSync(path);
  } catch {
    return undefined;
  }
}

describe('a state directory that cannot be used', () => {
  async function expectSentence(stateDir: string, text: string, code = 1): Promise<void> {
    const run = await runDriver([`--statedir=${stateDir}`, `--endpoint=${stateDir}.s`, '--nodeid=node-1']);
    expect(run).toMatchObject({ code, stdout: '', stderr: expect.stringContaining(text) });
    expect(run.stderr.trimEnd().split('\n'), run.stderr).toHaveLength(1);
  }

  test('because it is a file is reported in one sentence, and stays', async () => {
    const path = join(scratchDirectory(), 'file');
    writeFileSync(path, 'precious');
    await expectSentence(path, path, 2);
    expect(readFileSync(path, 'utf8')).toBe('precious');
  });

  test('because it holds other files is reported in one sentence, and stays unchanged', async () => {
    const path = join(scratchDirectory(), 'home');
    mkdirSync(path);
    writeFileSync(join(path, 'thesis'), 'precious');
    const before = listing(path);
    await expectSentence(path, 'thesis', 2);
    expect(listing(path)).toEqual(before);
  });

  test('because it is read-only is reported in one sentence', async () => {
    const path = join(scratchDirectory(), 'read-only');
    mkdirSync(path);
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'ro', 'none', path]);
    await expectSentence(path, path);
  });

  test('because its marker is damaged is reported in one sentence, naming the marker', async () => {
    const node = await startedNode();
    await node.stop();
    const marker = join(node.pool, '.csi-hostpath', 'pool.json');
    writeFileSync(marker, '{');
    await expectSentence(node.pool, marker);
    expect(readFileSync(marker, 'utf8')).toBe('{');
  });
});

describe('the command line', () => {
  test('reports all its errors at once, and nothing is started', async () => {
    const stateDir = join(scratchDirectory(), 'pool');
    const run = await runDriver([
      `--statedir=${stateDir}`,
      '--bogus',
      '--v=x',
      '--endpoint=http://x',
      '--max-volume-size=0',
      'word',
    ]);
    expect(run).toMatchObject({ code: 2, stdout: '' });
    for (const text of [
      '--bogus',
      '--v',
      '--endpoint',
      '--max-volume-size',
      '"word"',
      '--nodeid=ID is required',
      '--help',
    ]) {
      expect(run.stderr).toContain(text);
    }
    expect(run.stderr).not.toContain('    at ');
    expect(existsSync(stateDir)).toBe(false);
  });

  test('prints help and version on standard output', async () => {
    expect(await runDriver(['--help'])).toMatchObject({
      code: 0,
      stderr: '',
      stdout: expect.stringContaining('--statedir'),
    });
    expect(await runDriver(['--version'])).toMatchObject({
      code: 0,
      stderr: '',
      stdout: expect.stringMatching(/\d+\.\d+/),
    });
  });

  test.runIf(isHostRoot)('of a user other than root is refused with one sentence', () => {
    const directory = scratchDirectory();
    const args = [
      'dist/main.js',
      `--statedir=${directory}/pool`,
      `--endpoint=${directory}/s`,
      '--nodeid=node-1',
    ];
    const run = spawnSync(process.execPath, args, { uid: 1000, gid: 1000, encoding: 'utf8' });
    expect(run).toMatchObject({
      status: 1,
      stdout: '',
      stderr: expect.stringMatching(/^The driver needs root .*1000\.\n$/),
    });
    expect(readdirSync(directory)).toEqual([]);
  });
});
