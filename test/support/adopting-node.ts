import { execFileSync } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { parseAllDocuments } from 'yaml';
import { parseCommand } from '../../src/cli/command-line.ts';
import { runCommand } from '../../src/cli/main.ts';
import { type TestNode, testNode } from './test-node.ts';

/** How a command ended. */
interface CommandResult {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** A node whose driver makes volumes of existing data. */
export interface AdoptingNode {
  readonly node: TestNode;
  readonly flags: string[];
  readonly socket: string;
  /** Runs a command of the program, in this process, against the driver. */
  run(...words: string[]): Promise<CommandResult>;
}

/** Starts a node with a driver that performs actions. @param pool the path of a pool `other`, beside the default one */
export async function adoptingNode(pool?: string): Promise<AdoptingNode> {
  const node = testNode();
  const socket = join(node.directory, 'status.sock');
  const flags = [`--status-socket=${socket}`, ...(pool === undefined ? [] : [`--pool=other=${pool}`])];
  await node.start({ flags });
  return { node, flags, socket, run: (...words) => runInProcess([...words, `--socket=${socket}`]) };
}

/** Runs a command of the program as `main.ts` does, without starting a process. */
export async function runInProcess(words: readonly string[]): Promise<CommandResult> {
  const written: string[] = [];
  const errors: string[] = [];
  const code = await runCommand(parseCommand(words), {
    write: async (text) => void written.push(text),
    writeError: async (text) => void errors.push(text),
    writeBytes: async (bytes) => void written.push(bytes.toString()),
    input: Readable.from([]),
    isTerminal: false,
    stopped: new AbortController().signal,
  });
  return { code, stdout: written.join(''), stderr: errors.join('') };
}

/** Makes a directory with files, a hard link and a symbolic link. */
export function makeData(path: string, text = 'kept'): string {
  mkdirSync(join(path, 'inner'), { recursive: true });
  writeFileSync(join(path, 'file'), text);
  writeFileSync(join(path, 'inner', 'more'), text);
  execFileSync('ln', [join(path, 'file'), join(path, 'link')]);
  execFileSync('ln', ['-s', 'file', join(path, 'symlink')]);
  return path;
}

/** The objects that a command printed. */
export function objectsIn({ stdout }: Pick<CommandResult, 'stdout'>) {
  return parseAllDocuments(stdout).map((document) => document.toJS());
}
