import { execFileSync } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseAllDocuments } from 'yaml';
import { type CommandRun, runInProcess } from './run-command.ts';
import { type TestNode, testNode } from './test-node.ts';

/** A node whose driver makes volumes of existing data. */
export interface AdoptingNode {
  readonly node: TestNode;
  readonly flags: string[];
  readonly socket: string;
  /** Runs a command of the program, in this process, against the driver. */
  run(...words: string[]): Promise<CommandRun>;
}

/** Starts a node with a driver that performs actions. @param pool the path of a pool `other`, beside the default one */
export async function adoptingNode(pool?: string): Promise<AdoptingNode> {
  const node = testNode();
  const socket = join(node.directory, 'status.sock');
  const flags = [`--status-socket=${socket}`, ...(pool === undefined ? [] : [`--pool=other=${pool}`])];
  await node.start({ flags });
  return { node, flags, socket, run: (...words) => runInProcess([...words, `--socket=${socket}`]) };
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
export function objectsIn({ stdout }: Pick<CommandRun, 'stdout'>) {
  return parseAllDocuments(stdout).map((document) => document.toJS());
}
