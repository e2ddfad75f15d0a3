import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { eventually } from '../../support/eventually.ts';
import type { TestNode } from '../../support/test-node.ts';
import { Caller } from './caller.ts';
import { limitsOnDisk } from './limits-on-disk.ts';
import { type Call, type Chain, contentOf, type ObjectState, type State, stateAfter } from './load.ts';

const MIB = 1024 ** 2;

/** How far a chain had come when the power was lost. */
export interface Progress {
  readonly chain: Chain;
  /** How many of its calls were acknowledged. The next one may have been in progress. */
  readonly acknowledged: number;
  /** The ids of the objects that its calls made, by the indexes of the calls. */
  readonly ids: ReadonlyMap<number, string>;
}

interface Listed {
  readonly id: string;
  readonly mebibytes: number;
}

/** Checks the limits on a mounted disk that no driver has been started on. @returns the problems */
export async function checkLimits(pool: string, progress: readonly Progress[]): Promise<string[]> {
  const found = await limitsOnDisk(pool);
  return progress.flatMap(({ chain, acknowledged }) => {
    const problems: string[] = [];
    for (const [name, { before, after }] of possible(chain, acknowledged)) {
      const limit = found.find(({ id }) => nameIn(id) === name);
      if (!chain.kind.hasQuota || !limit || (before ?? after)?.type !== 'volume') continue;
      const allowed = distinct([before, after], (state) => limitsOf(state, limit));
      const actual = `${limit.mebibytes} MiB, ${limit.inodes} inodes`;
      if (!allowed.includes(actual))
        problems.push(`${name} is limited to ${actual}, not ${allowed.join(' or ')}`);
    }
    return problems;
  });
}

/**
 * Checks a node whose driver has been started after a power loss: nothing acknowledged is lost, nothing else is there,
 * and the calls that were not acknowledged succeed when they are made again.
 * @returns the problems
 */
export async function checkNode(node: TestNode, progress: readonly Progress[]): Promise<string[]> {
  const problems: string[] = [];
  const listed = await list(node);
  for (const each of progress) problems.push(...checkListed(listed, each));
  const names = new Set(progress.flatMap(({ chain }) => chain.calls.map(({ name }) => name)));
  const unknown = listed.filter(({ id }) => !names.has(nameIn(id)));
  problems.push(...unknown.map(({ id }) => `${id} is listed, and no call has made it`));
  const retried = progress.map((each) => retryAndRead(node, each));
  problems.push(...(await Promise.all(retried)).flat());
  await eventually(() => {
    const left = ['.incoming', '.outgoing'].flatMap((name) => readdirSync(join(node.pool, name)));
    if (left.length > 0) throw new Error(`not removed: ${left}`);
  });
  const errors = node
    .log()
    .split('\n')
    .filter((line) => /"level":(50|60)/.test(line));
  problems.push(...errors);
  return problems;
}

async function list({ controller }: TestNode): Promise<Listed[]> {
  const { entries: volumes = [] } = await controller.ListVolumes({});
  const { entries: snapshots = [] } = await controller.ListSnapshots({});
  return [
    ...volumes.map(({ volume }) => ({
      id: volume?.volume_id ?? '',
      mebibytes: Number(volume?.capacity_bytes) / MIB,
    })),
    ...snapshots.map(({ snapshot }) => ({
      id: snapshot?.snapshot_id ?? '',
      mebibytes: Number(snapshot?.size_bytes) / MIB,
    })),
  ];
}

function checkListed(listed: readonly Listed[], { chain, acknowledged, ids }: Progress): string[] {
  const problems: string[] = [];
  for (const [name, { before, after }] of possible(chain, acknowledged)) {
    const found = listed.filter(({ id }) => nameIn(id) === name);
    const allowed = distinct(
      [before, after],
      ({ madeBy, mebibytes }) => `${ids.get(madeBy)} of ${mebibytes} MiB`,
    );
    for (const { id, mebibytes } of found) {
      const actual = `${id} of ${mebibytes} MiB`;
      if (!allowed.includes(actual))
        problems.push(`${actual} is listed, not ${allowed.join(' or ') || 'none'}`);
    }
    const mustExist = before !== undefined && before.madeBy === after?.madeBy;
    if (found.length !== 1 && (found.length > 1 || mustExist)) {
      problems.push(`${name} is listed ${found.length} times`);
    }
  }
  return problems;
}

/** Makes the calls again that were not acknowledged, and reads everything that exists then. */
async function retryAndRead(node: TestNode, { chain, acknowledged, ids }: Progress): Promise<string[]> {
  const known = new Map<string, string>();
  for (const [index, { name }] of chain.calls.slice(0, acknowledged).entries()) {
    const id = ids.get(index);
    if (id !== undefined) known.set(name, id);
  }
  const caller = new Caller(node, chain, known);
  const [last, next] = [chain.calls[acknowledged - 1], chain.calls[acknowledged]];
  try {
    // Its caller may have been lost with the reply.
    if (last && isRepeatable(last, next)) await caller.make(last);
    if (next) await caller.make(next);
    return await readAll(node, caller, { chain, acknowledged: acknowledged + 1, ids });
  } catch (error) {
    return [`${chain.name}, with ${JSON.stringify([last, next])} repeated: ${error}`];
  } finally {
    await caller.takeDown();
  }
}

async function readAll(
  node: TestNode,
  caller: Caller,
  { chain, acknowledged, ids }: Progress,
): Promise<string[]> {
  const state = stateAfter(chain, acknowledged);
  const now = { chain, acknowledged, ids: idsNow(state, caller, ids) };
  const problems = checkListed(await list(node), now);
  for (const [name, object] of state) {
    const problem = await readObject(caller, chain, name, object).catch(String);
    if (problem !== undefined) problems.push(`${name}: ${problem}`);
  }
  return problems;
}

/** Whether a call can be repeated although the next one may have been made. */
function isRepeatable(call: Call, next: Call | undefined): boolean {
  return call.kind === 'write' || call.name !== next?.name || next.kind === 'write';
}

function idsNow(state: State, caller: Caller, ids: ReadonlyMap<number, string>): Map<number, string> {
  const now = new Map(ids);
  for (const [name, { madeBy }] of state) now.set(madeBy, caller.idOf(name));
  return now;
}

async function readObject(
  caller: Caller,
  { kind }: Chain,
  name: string,
  { type, mebibytes, files }: ObjectState,
): Promise<string | undefined> {
  const read = type === 'volume' ? await caller.read(name) : await caller.readSnapshot(name, mebibytes);
  const wrong = files.filter((file) => !read.get(file)?.equals(contentOf(file)));
  if (wrong.length > 0 || read.size !== files.length) {
    return `it has ${[...read.keys()]}, not ${files}; missing or with other content: ${wrong}`;
  }
  if (type === 'snapshot' || !kind.hasQuota) return undefined;
  const bytes = await caller.bytesOf(name);
  return bytes === mebibytes * MIB ? undefined : `pods see ${bytes} bytes, not ${mebibytes} MiB`;
}

/** The objects of a chain, each as acknowledged and as the next call leaves it. */
function possible(chain: Chain, acknowledged: number) {
  const [before, after] = [stateAfter(chain, acknowledged), stateAfter(chain, acknowledged + 1)];
  const names = new Set(chain.calls.map(({ name }) => name));
  return [...names].map((name) => [name, { before: before.get(name), after: after.get(name) }] as const);
}

function distinct(
  states: readonly (ObjectState | undefined)[],
  describe: (state: ObjectState) => string,
): string[] {
  return [...new Set(states.flatMap((state) => (state ? [describe(state)] : [])))];
}

function limitsOf(
  { mebibytes, inodes }: ObjectState,
  limit: { readonly inodes: number | undefined },
): string {
  const expected =
    limit.inodes === undefined ? undefined : (inodes ?? Math.max(4096, (mebibytes * MIB) / 4096));
  return `${mebibytes} MiB, ${expected} inodes`;
}

/** The name that an id was derived from. */
function nameIn(id: string): string {
  return id.split('-').slice(0, -3).join('-');
}
