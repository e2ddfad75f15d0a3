import { lstatSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'vitest';
import { eventually } from '../../support/eventually.ts';
import { loopsBelow, mountsBelow } from '../../support/scratch.ts';
import type { TestNode } from '../../support/test-node.ts';
import { openedBy } from '../support/process-usage.ts';

/** Everything that a call may leave on a node, as lines that are the same in each life of a volume. */
export async function stateOf(node: TestNode, pool: string): Promise<string[]> {
  await settled(pool);
  const { entries: volumes = [] } = await node.controller.ListVolumes({});
  const { entries: snapshots = [] } = await node.controller.ListSnapshots({});
  const { available_capacity } = await node.controller.GetCapacity({
    parameters: { pool: nameOf(node, pool) },
  });
  const mounts = await mountsBelow(node.directory);
  const lines = [
    ...volumes.map(({ volume }) => `volume ${volume?.volume_id} of ${volume?.capacity_bytes}`),
    ...snapshots.map(({ snapshot }) => `snapshot ${snapshot?.snapshot_id} of ${snapshot?.size_bytes}`),
    `available: ${available_capacity}`,
    ...filesIn(pool),
    ...mounts.map((path) => `mount ${path}`),
    ...loopsBelow(node.directory).map(({ backingPath }) => `loop device of ${backingPath}`),
  ];
  return lines.map(withoutChance).sort();
}

/** What a process has open, the same in each life of a volume. */
export function openedIn(pid: number): string[] {
  return openedBy(pid).map(withoutChance).sort();
}

/** The name under which the driver knows a pool. */
export function nameOf(node: TestNode, pool: string): string {
  return pool === node.pool ? 'default' : 'other';
}

/** Waits for what goes on after a call: removals by the driver, and devices that the kernel detaches. */
export async function settled(pool: string): Promise<void> {
  await eventually(() => expect(unsettled(pool)).toEqual([]));
}

/** What is still to be removed or detached. */
export function unsettled(pool: string): string[] {
  const temporary = loopsBelow(pool).filter(({ backingPath }) => !backingPath.endsWith('/image'));
  return [
    ...readdirSync(join(pool, '.incoming')),
    ...readdirSync(join(pool, '.outgoing')),
    ...temporary.map(({ backingPath }) => backingPath),
  ];
}

/** All files in a directory with their attributes and, of records, their content. */
function filesIn(directory: string, inside = ''): string[] {
  return readdirSync(join(directory, inside)).flatMap((name) => {
    const path = join(inside, name);
    const status = lstatSync(join(directory, path));
    const line = `${path} ${status.mode.toString(8)} ${status.uid}:${status.gid}`;
    // What the driver keeps for itself differs, as do times: spare files that were used, for instance.
    if (status.isDirectory()) return [line, ...(name === '.csi-hostpath' ? [] : filesIn(directory, path))];
    return [`${line} ${status.size} ${name.endsWith('.json') ? recordIn(join(directory, path)) : ''}`];
  });
}

/** The content of a record. A record that was read and written again has its fields in another order. */
function recordIn(path: string): string {
  const fields = Object.entries(JSON.parse(readFileSync(path, 'utf8')));
  return JSON.stringify(Object.fromEntries(fields.sort(([one], [other]) => one.localeCompare(other))));
}

/** A text without what differs from life to life: the random parts of ids, and times. */
export function withoutChance(line: string): string {
  return line
    .replaceAll(/\b(volume|snapshot|copy)-[0-9a-f]{16}-[0-9a-f]{8}-[0-9a-f]{8}(\.[0-9a-f]{8})?/g, '<$1>')
    .replaceAll(/\d{4}-\d\d-\d\dT[\d:.]+Z/g, '<time>')
    .replaceAll(/socket:\[\d+\]/g, '<socket>')
    .replaceAll(/\/dev\/loop\d+/g, '<loop device>')
    .replaceAll(/"checksum":"\w+"/g, '<checksum>');
}
