import { open } from 'node:fs/promises';
import { join } from 'node:path';
import type { ChaosNode } from './chaos-node.ts';
import { contentName, type Kind } from './kinds.ts';
import type { Snapshot, Volume } from './ledger.ts';

const CONTENT_BYTES = 16 * 1024;

function bytesOf(marker: string): Buffer {
  return Buffer.alloc(CONTENT_BYTES, marker);
}

/** Writes a marker to a published volume, and waits until it is on the disk. */
export async function write({ kind, target }: Volume, marker: string): Promise<void> {
  const handle = kind.form === 'block' ? await open(target, 'r+') : await open(join(target, 'marker'), 'w');
  try {
    await handle.write(bytesOf(marker), 0, CONTENT_BYTES, 0);
    await handle.sync();
  } finally {
    await handle.close();
  }
}

/** The problem with the content at a place, which should repeat a marker; undefined if there is none. */
async function problemAt(path: string, marker: string): Promise<string | undefined> {
  const handle = await open(path, 'r');
  try {
    const { buffer, bytesRead } = await handle.read(Buffer.alloc(CONTENT_BYTES), 0, CONTENT_BYTES, 0);
    if (buffer.equals(bytesOf(marker))) return undefined;
    return `${path} has ${bytesRead} bytes that begin with ${JSON.stringify(buffer.toString('latin1', 0, 40))} instead of ${marker}`;
  } finally {
    await handle.close();
  }
}

/** Where the content of an object lies in its pool, if it can be read there: that of an image with a file system cannot. */
function pathInPool(node: ChaosNode, kind: Kind, ...home: string[]): string | undefined {
  if (kind.form === 'file system') return undefined;
  const content = node.path(kind.pool, ...home, contentName(kind));
  return kind.form === 'block' ? content : join(content, 'marker');
}

/** The problem with the content of a volume. An image that is not staged is staged for it. */
export async function problemOfVolume(node: ChaosNode, volume: Volume): Promise<string | undefined> {
  const { id, kind, marker, staging, target } = volume;
  if (marker === undefined) return undefined;
  const mount = volume.isPublished ? target : volume.isStaged && kind.form !== 'block' ? staging : undefined;
  if (mount !== undefined) return problemAt(kind.form === 'block' ? mount : join(mount, 'marker'), marker);
  const inPool = pathInPool(node, kind, 'volumes', id);
  return inPool === undefined ? problemWhenStaged(node, volume, marker) : problemAt(inPool, marker);
}

async function problemWhenStaged(
  { test: { controller, node } }: ChaosNode,
  { id: volume_id, kind, isAttached, staging: staging_target_path }: Volume,
  marker: string,
): Promise<string | undefined> {
  const { capability: volume_capability } = kind;
  const attachment = { volume_id, node_id: 'node-1' };
  if (!isAttached) await controller.ControllerPublishVolume({ ...attachment, volume_capability });
  await node.NodeStageVolume({ volume_id, staging_target_path, volume_capability });
  const problem = await problemAt(join(staging_target_path, 'marker'), marker);
  await node.NodeUnstageVolume({ volume_id, staging_target_path });
  if (!isAttached) await controller.ControllerUnpublishVolume(attachment);
  return problem;
}

/** The problem with the content of a snapshot. An image with a file system is restored for it. */
export async function problemOfSnapshot(
  node: ChaosNode,
  { id, kind, marker, groupId, sizeBytes }: Snapshot,
): Promise<string | undefined> {
  if (marker === undefined) return undefined;
  const home = groupId === undefined ? ['snapshots', id] : ['groups', groupId, id];
  const inPool = pathInPool(node, kind, ...home);
  if (inPool !== undefined) return problemAt(inPool, marker);
  const { test } = node;
  const volume_id = await test.create(`check of ${id}`.slice(0, 100), {
    volume_capabilities: [kind.capability],
    parameters: kind.parameters,
    capacity_range: { required_bytes: sizeBytes },
    volume_content_source: { snapshot: { snapshot_id: id } },
  });
  const staging = test.newStaging();
  const volume = { id: volume_id, kind, sizeBytes, marker, staging, target: '' };
  const unused = { isRetained: false, isAttached: false, isStaged: false, isPublished: false };
  const problem = await problemWhenStaged(node, { ...volume, ...unused }, marker);
  await test.controller.DeleteVolume({ volume_id });
  return problem;
}
