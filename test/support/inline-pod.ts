import { existsSync, mkdirSync, readdirSync, rmSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { expect } from 'vitest';
import { directoryNameOf } from '../../src/model/objects/object-id.ts';
import type { NodePublishVolumeRequest } from '../../src/rpc/generated/csi/v1/NodePublishVolumeRequest.ts';
import { eventually } from './eventually.ts';
import { mountCapability } from './requests.ts';
import { loopsBelow, mountsBelow } from './scratch.ts';
import type { TestNode } from './test-node.ts';

/** The kubelet's mark for an inline volume. */
export const ephemeral = { 'csi.storage.k8s.io/ephemeral': 'true' };

// How long background work may take before the test fails; no test waits longer than the work takes.

/** A pod with one inline volume, whose directory the kubelet has made. */
export interface InlinePod {
  readonly volume_id: string;
  readonly target_path: string;
  /** The pod's directory. */
  readonly directory: string;
}

/** The kubelet's directory on a node, and the driver flag for it. */
export function kubeletOf({ directory }: TestNode): { path: string; pods: string; flags: string[] } {
  const path = join(directory, 'kubelet');
  return { path, pods: join(path, 'pods'), flags: [`--kubelet-dir=${path}`] };
}

/** Makes the directories of a pod, as the kubelet does. */
export function newPod(node: TestNode, uid: string, volume_id = `csi-${uid}`): InlinePod {
  const directory = join(kubeletOf(node).pods, uid);
  const target_path = join(directory, 'volumes', 'kubernetes.io~csi', 'scratch', 'mount');
  mkdirSync(dirname(target_path), { recursive: true });
  return { volume_id, target_path, directory };
}

/** Removes the directories of a pod, as the kubelet does when everything is unmounted. */
export function endPod({ directory }: InlinePod): void {
  rmSync(directory, { recursive: true });
}

/** The kubelet's request for a pod that has an inline volume with these attributes. */
export function publishRequest(
  { volume_id, target_path }: InlinePod,
  attributes: Record<string, string> = {},
  changes: NodePublishVolumeRequest = {},
): NodePublishVolumeRequest {
  return {
    volume_id,
    target_path,
    volume_capability: mountCapability(),
    volume_context: { ...ephemeral, 'csi.storage.k8s.io/pod.name': 'pod', ...attributes },
    ...changes,
  };
}

/** The directory of a volume when its pool has only the id, and not the name. */
export function inlineDirectory(pool: string, { volume_id }: Pick<InlinePod, 'volume_id'>): string {
  return join(pool, 'volumes', directoryNameOf(volume_id));
}

/** Expects nothing to be left of one pod's volume. */
export async function expectGone(node: TestNode, pod: InlinePod): Promise<void> {
  const { entries = [] } = await node.controller.ListVolumes({});
  expect(entries.map(({ volume }) => volume?.volume_id)).not.toContain(pod.volume_id);
  const directory = inlineDirectory(node.pool, pod);
  expect(existsSync(directory)).toBe(false);
  expect(existsSync(pod.target_path)).toBe(false);
  expect(await mountsBelow(pod.directory)).toEqual([]);
  await eventually(() => expect(loopsBelow(directory)).toEqual([]));
  for (const name of ['.incoming', '.outgoing']) {
    await eventually(() => expect(readdirSync(join(node.pool, name)), name).toEqual([]));
  }
}

/** Expects no volume to be left at all: not listed, on the disk, mounted or attached. */
export async function expectNoVolumes(node: TestNode, pool = node.pool): Promise<void> {
  expect((await node.controller.ListVolumes({})).entries).toEqual([]);
  expect(readdirSync(join(pool, 'volumes'))).toEqual([]);
  expect((await mountsBelow(node.directory)).filter((path) => path !== pool)).toEqual([]);
  await eventually(() => expect(loopsBelow(join(pool, 'volumes'))).toEqual([]));
  for (const name of ['.incoming', '.outgoing']) {
    await eventually(() => expect(readdirSync(join(pool, name)), name).toEqual([]));
  }
}
