import { execFileSync } from 'node:child_process';
import {
  closeSync,
  constants,
  mkdirSync,
  openSync,
  readFileSync,
  readSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { describe, expect, onTestFinished, test } from 'vitest';
import { eventually } from '../../support/eventually.ts';
import { outcomeOf } from '../../support/refusal.ts';
import { type TestNode, testNode } from '../../support/test-node.ts';

interface Line {
  readonly msg: string;
  readonly lines?: number;
  readonly [field: string]: unknown;
}

interface OpenFile {
  readonly fd: number;
  /** Can be repeated. */
  close(): void;
}

/** Opens a file for one test. */
function opened(path: string, flags: number): OpenFile {
  const fd = openSync(path, flags);
  let isOpen = true;
  const close = () => {
    if (isOpen) closeSync(fd);
    isOpen = false;
  };
  onTestFinished(close);
  return { fd, close };
}

/** A driver whose standard error is a pipe, and the end of it that the test reads. */
async function nodeWithPipe(): Promise<{ node: TestNode; reader: OpenFile }> {
  const node = testNode();
  const path = join(node.directory, 'log');
  execFileSync('mkfifo', [path]);
  const reader = opened(path, constants.O_RDONLY | constants.O_NONBLOCK);
  const writer = opened(path, constants.O_WRONLY);
  await node.start({ flags: ['-v=5'], stderr: writer.fd });
  writer.close();
  return { node, reader };
}

/** Makes the driver log more than a pipe and its own buffer can hold. @returns how many lines */
async function logMuch(node: TestNode): Promise<number> {
  const volume_id = 'x'.repeat(100_000);
  const count = 20;
  for (let each = 0; each < count; each++) {
    expect(await outcomeOf(node.controller.ControllerGetVolume({ volume_id }))).toMatchObject({
      code: 'NOT_FOUND',
    });
  }
  return count;
}

/** Reads a pipe until there is some data. */
function readerOf(fd: number) {
  let text = '';
  const buffer = Buffer.alloc(1024 ** 2);
  const read = () => {
    try {
      for (let bytes = -1; bytes !== 0; ) {
        bytes = readSync(fd, buffer);
        text += buffer.toString('utf8', 0, bytes);
      }
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EAGAIN') throw error;
    }
    return text;
  };
  return { read, lines: () => linesIn(read()) };
}

function linesIn(text: string): Line[] {
  return text
    .split('\n')
    .slice(0, -1)
    .map((line) => JSON.parse(line) as Line);
}

describe('a driver whose log', () => {
  test('is not read answers every call, and reports how many lines are missing once it is read', async () => {
    const { node, reader } = await nodeWithPipe();
    const calls = await logMuch(node);
    const log = readerOf(reader.fd);
    await eventually(() => expect(log.read()).toContain('dropped log lines'));
    await node.identity.GetPluginInfo({});
    await eventually(() => expect(log.lines().at(-1)).toMatchObject({ method: 'GetPluginInfo' }));
    const lines = log.lines();
    const dropped = lines.filter(({ msg }) => msg.startsWith('dropped log lines'));
    expect(dropped).toEqual([expect.objectContaining({ lines: expect.any(Number) })]);
    const written = lines.filter(({ method }) => method === 'ControllerGetVolume').length;
    expect(written + (dropped[0]?.lines ?? 0)).toBe(calls);
  });

  test('is not read stops on request', async () => {
    const { node } = await nodeWithPipe();
    await logMuch(node);
    expect(await node.stop()).toEqual({ code: 0, signal: null });
  });

  test('has lost its reader answers every call, and stops on request', async () => {
    const { node, reader } = await nodeWithPipe();
    reader.close();
    await logMuch(node);
    expect(await node.stop()).toEqual({ code: 0, signal: null });
  });

  test('is on a full disk answers every call, and goes on when there is space', async () => {
    const node = testNode();
    const disk = join(node.directory, 'disk');
    mkdirSync(disk);
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=64k', 'none', disk]);
    const path = join(disk, 'log');
    const file = opened(path, constants.O_WRONLY | constants.O_CREAT | constants.O_APPEND);
    const filler = join(disk, 'filler');
    expect(() => writeFileSync(filler, Buffer.alloc(128 * 1024))).toThrow('ENOSPC');
    await node.start({ flags: ['--v=4'], stderr: file.fd });
    for (let count = 0; count < 10; count++) await node.controller.GetCapacity({});
    rmSync(filler);
    await node.controller.ListVolumes({});
    await eventually(() => {
      const lines = linesIn(readFileSync(path, 'utf8'));
      expect(lines.map(({ msg }) => msg)).toContain('listening');
      expect(lines.at(-1)).toMatchObject({ method: 'ListVolumes' });
    });
    expect(await node.stop()).toEqual({ code: 0, signal: null });
    expect(linesIn(readFileSync(path, 'utf8')).at(-1)).toMatchObject({ msg: 'stopped' });
  });
});
