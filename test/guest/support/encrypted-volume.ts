import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'vitest';
import type { CreateVolumeRequest } from '../../../src/rpc/generated/csi/v1/CreateVolumeRequest.ts';
import type { VolumeCapability } from '../../../src/rpc/generated/csi/v1/VolumeCapability.ts';
import { eventually } from '../../support/eventually.ts';
import { loopsOf } from '../../support/image-node.ts';
import { mountCapability } from '../../support/requests.ts';
import type { Published, TestNode } from '../../support/test-node.ts';

/** A text that shows where it should not be. */
export const passphrase = 'correct horse battery staple';
export const secrets = { passphrase };

/** The parameters of an encrypted volume with this size. */
export function encrypted(
  sizeBytes: number,
  parameters: Record<string, string> = {},
): Partial<CreateVolumeRequest> {
  return {
    parameters: { encryption: 'luks2', ...parameters },
    capacity_range: { required_bytes: sizeBytes },
  };
}

/** A volume, and how it is used. */
export interface EncryptedUse {
  readonly volume_id: string;
  readonly capability?: VolumeCapability;
  readonly key?: Readonly<Record<string, string>>;
}

/** Stages and publishes a volume. */
export async function publish(
  node: TestNode,
  { volume_id, capability = mountCapability(), key = secrets }: EncryptedUse,
): Promise<Published> {
  const paths = { volume_id, staging_target_path: node.newStaging(), target_path: node.newPath() };
  await node.node.NodeStageVolume({ ...paths, volume_capability: capability, secrets: key });
  await node.node.NodePublishVolume({ ...paths, volume_capability: capability });
  return paths;
}

export async function unpublish(node: TestNode, paths: Published): Promise<void> {
  await node.node.NodeUnpublishVolume(paths);
  await node.node.NodeUnstageVolume(paths);
}

/** The open containers of this machine. */
export function openContainers(): string[] {
  return readdirSync('/sys/class/block')
    .filter((name) => name.startsWith('dm-'))
    .map((name) => readFileSync(join('/sys/class/block', name, 'dm/name'), 'utf8').trim())
    .filter((name) => name.startsWith('csi-'));
}

/** Waits until no image is attached and no container open. */
export async function expectNothingOpen(node: TestNode): Promise<void> {
  await eventually(() => expect([...openContainers(), ...loopsOf(node)]).toEqual([]));
}
