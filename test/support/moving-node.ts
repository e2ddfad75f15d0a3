import { join } from 'node:path';
import { Readable } from 'node:stream';
import { parse } from 'yaml';
import { parseCommand } from '../../src/cli/command-line.ts';
import { runCommand } from '../../src/cli/main.ts';
import { type Start, type TestNode, testNode } from './test-node.ts';

/** How a command ended. */
export interface MoveRun {
  readonly code: number;
  readonly bytes: Buffer;
  /** The documents that were printed. */
  // biome-ignore lint/suspicious/noExplicitAny: objects of Kubernetes of several kinds, which tests compare.
  readonly objects: any[];
  readonly errors: string;
}

/** A node with a driver that can send and receive. */
export interface MovingNode {
  readonly node: TestNode;
  readonly socket: string;
  readonly start: Start;
  send(id: string, ...flags: string[]): Promise<MoveRun>;
  receive(stream: Buffer | Readable, ...flags: string[]): Promise<MoveRun>;
}

/** @param start further flags and the like of its driver */
export async function movingNode(start: Start = {}): Promise<MovingNode> {
  const node = testNode();
  const socket = join(node.directory, 'status.sock');
  const flags = [`--status-socket=${socket}`, ...(start.flags ?? [])];
  const all = { ...start, flags };
  await node.start(all);
  const run = (words: string[], input: Readable) => runMove([...words, `--socket=${socket}`], input);
  return {
    node,
    socket,
    start: all,
    send: (id, ...more) => run(['send', id, ...more], Readable.from([])),
    receive: (stream, ...more) =>
      run(['receive', ...more], stream instanceof Readable ? stream : Readable.from(chunksOf(stream))),
  };
}

async function runMove(words: string[], input: Readable): Promise<MoveRun> {
  const chunks: Buffer[] = [];
  const text: string[] = [];
  const errors: string[] = [];
  const code = await runCommand(parseCommand(words), {
    write: async (written) => void text.push(written),
    writeError: async (written) => void errors.push(written),
    writeBytes: async (bytes) => void chunks.push(Buffer.from(bytes)),
    input,
    isTerminal: false,
    stopped: new AbortController().signal,
  });
  const objects = text
    .join('')
    .split('---\n')
    .flatMap((each) => (each === '' ? [] : [parse(each)]));
  return { code, bytes: Buffer.concat(chunks), objects, errors: errors.join('') };
}

/** As a pipe gives it. */
function* chunksOf(stream: Buffer): Generator<Buffer> {
  for (let at = 0; at < stream.length; at += 60_000) yield stream.subarray(at, at + 60_000);
}
